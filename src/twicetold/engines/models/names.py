"""Names of files that come from outside, before they become paths."""

from __future__ import annotations

from fnmatch import fnmatchcase

from twicetold.engines.models.manifest import MANIFEST
from twicetold.errors import DownloadFailed

PART = ".part"  # what is not whole yet


def refuse_unsafe(path: str) -> None:
    """Raises DownloadFailed for a name that leads out of its directory, or that is one of ours."""
    pieces = path.split("/")
    if (
        not path.isprintable()
        or any(piece in ("", ".", "..") for piece in pieces)
        or "\\" in path
        or pieces[-1] == MANIFEST
    ):
        raise DownloadFailed(
            f"The hub names a file {path!r}, which cannot be a file's name here.",
            "Nothing was written. Do not use this hub for that model.",
        )


def chosen(paths: list[str], wanted: tuple[str, ...], optional: tuple[str, ...]) -> list[str]:
    """Those that match a pattern, within one folder. Raises LookupError, with the pattern, where
    one that is wanted matches none."""
    for pattern in wanted:
        if not any(_matches(path, pattern) for path in paths):
            raise LookupError(pattern)
    return [
        path for path in paths if any(_matches(path, pattern) for pattern in (*wanted, *optional))
    ]


def _matches(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)
