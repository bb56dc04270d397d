"""The secret that tickets are signed with: made once, kept in the data directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import tempfile
from pathlib import Path

_BYTES = 32


def ticket_secret(path: Path) -> bytes:
    """The secret in the file, made where there is none; whoever makes it first, makes it for all.

    A file of another length is damaged and is replaced: tickets given out before are void.
    """
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # gateways start together, and must sign alike
        return _kept(path)
    finally:
        os.close(directory)


def _kept(path: Path) -> bytes:
    for _ in range(2):
        with contextlib.suppress(FileNotFoundError):
            secret = path.read_bytes()
            if len(secret) == _BYTES:
                return secret
            path.unlink()
        _make(path)
    return path.read_bytes()


def _make(path: Path) -> None:
    """All of it appears at once, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _place(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _place(name: str, path: Path) -> None:
    """Never in the place of what another process has made."""
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        _copy(name, path)  # a file system without links


def _copy(name: str, path: Path) -> None:
    """Raises nothing where another process was quicker; what a killed one has left is damaged."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Path(name).read_bytes())
