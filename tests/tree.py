"""Reading a folder in which the product is at work."""

import os
from pathlib import Path


def below(directory: Path) -> list[Path]:
    """Every file and folder below a directory, sorted; what goes meanwhile is left out.

    `Path.rglob` ends in FileNotFoundError where a folder is taken away while it is read.
    """
    return sorted(
        Path(folder, name)
        for folder, folders, files in os.walk(directory)  # passes over what is gone
        for name in (*folders, *files)
    )


def contents(directory: Path) -> dict[str, bytes]:
    """What the files below a directory hold, by their paths from it; as `below` does."""
    found = {}
    for path in below(directory):
        try:
            found[str(path.relative_to(directory))] = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            continue
    return found
