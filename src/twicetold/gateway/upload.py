"""Taking a large body to disk: hashed on the way, bounded, and gone again unless it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
from obstore.store import LocalStore

from twicetold.descriptors import exhausted
from twicetold.errors import DiskFull, EmptyAudio, Unavailable, UploadTooLarge
from twicetold.storage import local_path, open_recording, remove_stale_staged

log = structlog.get_logger()

_WRITE_BYTES = 1024 * 1024
_STALE_S = 3600.0
_MIB = 1024 * 1024
_DIRECTORY = "uploads"  # beside the recordings: renaming into place stays within one disk


@dataclass(frozen=True, slots=True)
class Received:
    """A body on disk, under a name of its own. ``content`` is its hex SHA-256."""

    path: Path
    content: str
    size: int


@contextlib.asynccontextmanager
async def received(
    store: LocalStore, pieces: AsyncIterator[bytes], limit_mib: int, suffix: str = ""
) -> AsyncIterator[Received]:
    """Write a body to disk and give it out; whatever was not renamed by then is removed.

    Raises UploadTooLarge, EmptyAudio, DiskFull or Unavailable.
    """
    path = local_path(store, f"{_DIRECTORY}/{secrets.token_hex(16)}{suffix}")
    try:
        with _named_errors():
            file = await asyncio.to_thread(_create, path)
        try:
            digest, size = hashlib.sha256(), 0
            async for block in _blocks(pieces, limit_mib):
                size += len(block)
                with _named_errors():
                    await asyncio.to_thread(_write, file, block, digest)
            with _named_errors():
                await asyncio.to_thread(_sync, file)
        finally:
            await asyncio.shield(asyncio.to_thread(file.close))
        if size == 0:
            raise EmptyAudio("The upload is empty.")
        yield Received(path, digest.hexdigest(), size)
    finally:
        await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))


def check_declared_size(content_length: str | None, limit_mib: int) -> None:
    """Refuse what says that it is too large before any of it is read. Raises UploadTooLarge."""
    if content_length and content_length.isascii() and content_length.isdigit():
        _check_size(int(content_length[:20]), limit_mib)


def place(upload: Path, target: Path) -> bool:
    """Move an upload to its name; False where something lies there already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _named_errors():
        try:
            os.link(upload, target)  # unlike a rename, refuses to replace
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            if target.exists():  # a file system without links
                return False
            upload.rename(target)
        else:
            upload.unlink()
        _sync_directory(target.parent)
    return True


def hash_file(path: Path) -> str:
    """The hex SHA-256 of a recording. Raises RecordingNotFound."""
    with open_recording(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_stale_uploads(store: LocalStore) -> None:
    """Remove what a killed process left behind."""
    for name in remove_stale_staged(store, _STALE_S):
        log.info("upload.stale_removed", name=name)
    directory = local_path(store, _DIRECTORY)
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        try:
            if time.time() - path.stat().st_mtime > _STALE_S and not _is_received(path):
                path.unlink()
                log.info("upload.stale_removed", name=path.name)
        except FileNotFoundError:
            pass  # it came to its end meanwhile
        except OSError as error:
            log.warning("upload.stale_stays", name=path.name, reason=error.strerror)


def _is_received(path: Path) -> bool:
    """Whether a process is at it, ours or another: its client may stall for an hour."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return isinstance(error, BlockingIOError)
    return False


async def sweep_uploads(store: LocalStore) -> None:
    """What was too young to be stale when a server took a killed one's place is so later."""
    while True:
        await asyncio.sleep(_STALE_S)
        await asyncio.to_thread(remove_stale_uploads, store)


async def _blocks(pieces: AsyncIterator[bytes], limit_mib: int) -> AsyncIterator[bytes]:
    """The body in blocks worth a thread's while. Raises UploadTooLarge."""
    block, size = bytearray(), 0
    async for piece in pieces:
        size += len(piece)
        _check_size(size, limit_mib)
        block += piece
        if len(block) >= _WRITE_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _check_size(size: int, limit_mib: int) -> None:
    if size > limit_mib * _MIB:
        raise UploadTooLarge(f"The upload is larger than {limit_mib} MiB (max_upload_mb).")


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("xb")
    with contextlib.suppress(OSError):  # a disk without locks, where age alone must tell
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _write(file: BinaryIO, block: bytes, digest: hashlib._Hash) -> None:
    file.write(block)
    digest.update(block)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull("The disk has no room for the upload.") from error
        if (overloaded := exhausted(error)) is not None:
            raise overloaded from error
        raise Unavailable(
            "The upload cannot be written to disk.", "See the server's log."
        ) from error
