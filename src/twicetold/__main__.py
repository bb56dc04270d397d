"""``python -m twicetold``: the same as the ``twicetold`` command."""

from twicetold.cli.main import main

if __name__ == "__main__":
    main()
