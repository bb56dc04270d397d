"""Segments that are open for writing: made, appended to, cut back, rolled and removed.

All of it runs in the writer's thread. A bounded number of files stays open.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from twicetold.broker.file.partition import Partition
from twicetold.broker.file.positions import FILE_NAME as POSITIONS_NAME
from twicetold.broker.file.records import (
    HEAD_BYTES,
    RECORD_BYTES,
    list_segments,
    pack_head,
    pack_record,
    seeds,
    segment_path,
)
from twicetold.broker.file.syncer import Syncer
from twicetold.errors import CorruptLog


@dataclass(slots=True)
class Segment:
    """One open file. ``size`` counts whole records only; 0 says that its head is not written."""

    descriptor: int
    path: str
    first: int
    size: int
    salt: int
    seeds: dict[int, int]

    @property
    def end(self) -> int:
        return self.first + self.size

    def append(self, records: Sequence[tuple[int, bytes]]) -> tuple[list[int], OSError | None]:
        """Write (topic byte, payload) records in one go.

        Returns the positions of those that are whole on the disk, and what met the others,
        of which nothing is kept.
        """
        buffers: list[bytes] = [] if self.size else [pack_head(self.salt, self.first)]
        size = self.size or HEAD_BYTES
        positions: list[int] = []
        for topic, payload in records:
            checksum = zlib.crc32(payload, self.seeds[topic])
            buffers.append(pack_record(len(payload) + 1, checksum, topic))
            buffers.append(payload)
            positions.append(self.first + size)
            size += RECORD_BYTES + len(payload)
        try:
            _write_all(self.descriptor, buffers)
        except OSError as error:
            return self._cut_back(records, positions), error
        self.size = size
        return positions, None

    def _cut_back(self, records: Sequence[tuple[int, bytes]], positions: list[int]) -> list[int]:
        """Remove what a failed write left of a record; the positions of those it left whole."""
        reached = self.first + os.fstat(self.descriptor).st_size
        whole: list[int] = []
        for position, (_, payload) in zip(positions, records, strict=True):
            end = position + RECORD_BYTES + len(payload)
            if end > reached:
                break
            whole.append(position)
            self.size = end - self.first
        with contextlib.suppress(OSError):  # tried again before anything else is written
            os.ftruncate(self.descriptor, self.size)
        return whole


class OpenSegments:
    """The segments that calls are being written to, at most ``open_files`` of them open."""

    def __init__(self, syncer: Syncer, *, segment_bytes: int, open_files: int) -> None:
        self._syncer = syncer
        self._segment_bytes, self._open_files = segment_bytes, open_files
        self._open: OrderedDict[Partition, Segment] = OrderedDict()

    def open(self, partition: Partition) -> Segment:
        """Where the call's next record goes. Raises OSError, or CorruptLog."""
        segment = self._open.pop(partition, None)
        if segment is None and partition.segments:
            segment = _reopen(partition)
        if segment is not None and segment.size >= self._segment_bytes:
            os.close(segment.descriptor)
            segment = None
        if segment is None:
            segment = self._create(partition)
        self._open[partition] = segment  # the one used last is the last to be closed
        if len(self._open) > self._open_files:
            os.close(self._open.popitem(last=False)[1].descriptor)
        self._syncer.touch(segment.path, partition)
        return segment

    def room(self, segment: Segment) -> int:
        """Bytes that the segment still takes; the last record may go beyond."""
        return self._segment_bytes - segment.size

    def drop(self, partition: Partition) -> None:
        """Close the call's file, so that it is looked at anew before the next write."""
        segment = self._open.pop(partition, None)
        if segment is not None:
            with contextlib.suppress(OSError):
                os.close(segment.descriptor)

    def forget(self, partition: Partition) -> None:
        """Move the call's directory to ``partition.trash`` in one step. Raises OSError."""
        self.drop(partition)
        if partition.trash is None:
            return
        with contextlib.suppress(FileNotFoundError):
            partition.directory.rename(partition.trash)
        tenant = partition.directory.parent
        self._syncer.touch(str(tenant.parent))
        try:
            tenant.rmdir()
        except OSError:  # other calls of the tenant lie there
            self._syncer.touch(str(tenant))

    def close(self) -> None:
        for segment in self._open.values():
            os.close(segment.descriptor)
        self._open.clear()

    def _create(self, partition: Partition) -> Segment:
        directory, first = partition.directory, partition.written
        if not partition.segments:
            _clear(directory)
            for parent in (directory.parent, directory.parent.parent):
                self._syncer.touch(str(parent))
        path = segment_path(directory, first)
        segment = _segment(path, os.O_CREAT | os.O_TRUNC, first, 0, _new_salt())
        partition.salt = segment.salt
        partition.segments.append(first)
        self._syncer.touch(str(directory))
        return segment


def _clear(directory: Path) -> None:
    """Make the directory of a new call; whatever lies there belongs to one that was forgotten."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / POSITIONS_NAME).unlink(missing_ok=True)
    for first in list_segments(directory):
        segment_path(directory, first).unlink(missing_ok=True)


def _reopen(partition: Partition) -> Segment:
    """Open the last segment again and cut off what follows its last whole record."""
    for surplus in partition.surplus:
        segment_path(partition.directory, surplus).unlink(missing_ok=True)
    partition.surplus.clear()
    first = partition.segments[-1]
    path = segment_path(partition.directory, first)
    size = partition.written - first
    salt = partition.salt if size else _new_salt()
    try:
        segment = _segment(path, 0, first, size, salt)
    except FileNotFoundError as error:
        raise CorruptLog(f"The log {path} has vanished.") from error
    partition.salt = salt
    try:
        found = os.fstat(segment.descriptor).st_size
        if found > size:
            os.ftruncate(segment.descriptor, size)
        elif found < size:
            raise CorruptLog(f"The log {path} has lost bytes: {found} instead of {size}.")
    except OSError:
        os.close(segment.descriptor)
        raise
    return segment


def _segment(path: Path, flags: int, first: int, size: int, salt: int) -> Segment:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | flags, 0o644)
    return Segment(descriptor, str(path), first, size, salt, seeds(salt))


def _write_all(descriptor: int, buffers: list[bytes]) -> None:
    """One call as a rule; a short write (a nearly full disk) is carried on with until it fails."""
    written = os.writev(descriptor, buffers)
    if written == sum(map(len, buffers)):
        return
    rest = memoryview(b"".join(buffers))[written:]
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _new_salt() -> int:
    return secrets.randbits(32)
