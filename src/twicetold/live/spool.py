"""A call's PCM on its way to parts of exactly 60 s: a little in memory, the rest in a file.

The file need not survive: audio is released in the broker only once its part is stored.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from twicetold.descriptors import exhausted
from twicetold.errors import DiskFull, Unavailable

PART_S = 60
_IN_MEMORY_BYTES = 256 * 1024


class Spool:
    """Sound of the part that is being filled."""

    def __init__(self, path: Path, part_bytes: int) -> None:
        self._path, self._part_bytes = path, part_bytes
        self._memory = bytearray()
        self._in_file = 0
        self._writing: asyncio.Future[None] | None = None

    @property
    def size(self) -> int:
        """Bytes gathered for the part."""
        return self._in_file + len(self._memory)

    @property
    def room(self) -> int:
        """Bytes that the part still takes."""
        return self._part_bytes - self.size

    def append(self, pcm: bytes) -> None:
        """At most ``room`` bytes; they stay in memory until ``settle``."""
        self._memory += pcm

    async def settle(self) -> None:
        """Move what is in memory to the file once that is worth a write. Raises DiskFull."""
        if len(self._memory) < _IN_MEMORY_BYTES:
            return
        data = bytes(self._memory)
        try:
            # Cancelled or not, the thread writes on: ``aclose`` must know of it.
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._write, data))
            await asyncio.shield(self._writing)
        except OSError as error:
            raise exhausted(error) or DiskFull("The spool's disk is full.") from error
        self._in_file += len(data)
        self._memory.clear()

    async def whole(self) -> bytes:
        """All that was gathered for the part. Raises Unavailable if it cannot be read back."""
        if not self._in_file:
            return bytes(self._memory)
        try:
            return await asyncio.to_thread(self._read) + self._memory
        except OSError as error:
            raise Unavailable("The spool cannot be read.", "See the disk's own log.") from error

    async def aclose(self) -> None:
        """Empty it; its file is removed, also where the caller is cancelled meanwhile."""
        self._memory.clear()
        self._in_file = 0
        writing, self._writing = self._writing, None
        if writing is not None:
            await asyncio.shield(asyncio.ensure_future(self._remove(writing)))

    async def _remove(self, writing: asyncio.Future[None]) -> None:
        await asyncio.gather(writing, return_exceptions=True)
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("r+b" if self._in_file else "wb") as file:
            file.seek(self._in_file)  # over what a write that failed may have left
            file.write(data)

    def _read(self) -> bytes:
        return self._path.read_bytes()[: self._in_file]
