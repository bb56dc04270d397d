"""A file on its way: the part of it that is there, with all that is needed to go on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from twicetold.engines.models.files import write_whole
from twicetold.engines.models.hub import RemoteFile
from twicetold.engines.models.names import PART

_BLOCK_BYTES = 1 << 20


class WrongContent(Exception):
    """What came is not what the hub has said of the file."""


class Part:
    """``FILE.part``, and in ``FILE.part.json`` whose part it is: a file of the same name and other
    content begins anew. To be used with ``with``; blocks."""

    def __init__(self, folder: Path, file: RemoteFile) -> None:
        self._file, self._whole = file, folder / file.path
        self._path = self._whole.with_name(self._whole.name + PART)
        self._about = self._path.with_name(self._path.name + ".json")
        self.etag = ""  # of the answer that the part came with, where it can be trusted
        self.size_bytes = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        about = self._read_about()
        if about.get("digest") != self._file.digest:
            self._path.unlink(missing_ok=True)
            about = {}
        self.etag = str(about.get("etag", ""))
        self._out = self._path.open("a+b")
        self._rehash()
        if self.size_bytes > self._file.size_bytes:
            self.restart()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.close()

    def note(self, etag: str) -> None:
        """Whose part it is, before anything of it is written. A weak ``etag`` is worth nothing."""
        self.etag = "" if etag.startswith("W/") else etag
        write_whole(self._about, json.dumps({"digest": self._file.digest, "etag": self.etag}))

    def write(self, block: bytes) -> None:
        """Raises WrongContent where the file is longer than it should be."""
        if self.size_bytes + len(block) > self._file.size_bytes:
            raise WrongContent(f"more than {self._file.size_bytes} bytes")
        self._out.write(block)
        self._hash.update(block)
        self.size_bytes += len(block)

    def restart(self) -> None:
        """Forget what is there."""
        self._out.seek(0)
        self._out.truncate()
        self.etag = ""
        self._rehash()

    def finish(self) -> str:
        """Make it the file, once it is what the hub has said; returns its SHA-256. Raises
        WrongContent."""
        self._out.flush()
        os.fsync(self._out.fileno())
        if self._hash.hexdigest() != self._file.digest:
            raise WrongContent("another checksum")
        self._path.replace(self._whole)
        self._about.unlink(missing_ok=True)
        return self._file.sha256 or sha256_of(self._whole)

    def _rehash(self) -> None:
        """What is there is read once: a checksum cannot be taken up in its middle."""
        self._hash = _hash_for(self._file)
        self._out.seek(0)
        while block := self._out.read(_BLOCK_BYTES):
            self._hash.update(block)
        self.size_bytes = self._out.tell()

    def _read_about(self) -> dict[str, object]:
        with contextlib.suppress(OSError, ValueError):
            about = json.loads(self._about.read_text(encoding="utf-8"))
            if isinstance(about, dict):
                return about
        return {}


def sha256_of(path: Path) -> str:
    """Blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def matches(path: Path, file: RemoteFile) -> bool:
    """Whether that is what lies there: its size, and then its content. Blocks."""
    try:
        if path.stat().st_size != file.size_bytes:
            return False
        hasher = _hash_for(file)
        with path.open("rb") as content:
            while block := content.read(_BLOCK_BYTES):
                hasher.update(block)
    except OSError:
        return False
    return hasher.hexdigest() == file.digest


def _hash_for(file: RemoteFile) -> hashlib._Hash:
    """The hub's checksum of that file: git's SHA-1 begins with a header."""
    if file.sha256:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
