"""Which installation a data directory belongs to: a name that servers shared by several see."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from twicetold.errors import DiskFull, SettingError

_FILE = "installation"


def installation_of(data_dir: Path) -> str:
    """The installation's id, made at the first call and kept in the data directory. Processes that
    share the directory get the same one. Raises SettingError for a file that holds none, DiskFull.
    """
    path = data_dir / _FILE
    try:
        with path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = file.read(1000).strip()
            if not known:
                known = secrets.token_hex(8)
                file.write(known + "\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        hint = "Choose another directory with --data-dir."
        raise DiskFull(f"Cannot write to {data_dir}: {error.strerror}.", hint) from error
    return _checked(known, path)


def known_installation(data_dir: Path) -> str:
    """The installation's id; "" where none was made yet. Raises SettingError."""
    path = data_dir / _FILE
    try:
        known = path.read_text(errors="replace").strip()
    except OSError:
        return ""
    return _checked(known, path) if known else ""


def _checked(known: str, path: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", known):
        raise SettingError(
            f"{path} holds no installation's id.",
            "Put back the file as it was, or remove it to be another installation.",
        )
    return known
