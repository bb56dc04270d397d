"""Where the command starts, as ``twicetold`` and as ``python -m twicetold``.

The command line is imported by who runs it alone: processes begun by it (see `multiprocessing`)
import the script that it was started with again, and have no use for 200 ms of it.
"""


def main() -> None:
    from twicetold.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
