"""What the file log looks like on disk: segments of checksummed records.

A call's log is one stream of bytes, cut into segments ``{first position}.log``. A
position is a byte's place in that stream. A segment begins with a head: magic, salt u32,
crc32 u32 (of magic, salt and first position). Records follow: length u32 (of topic and
payload), crc32 u32 (of both, seeded with the salt), topic byte, payload; all
little-endian. Zeros are never a record. The random salt keeps audio that was made to
look like records from passing for one.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from twicetold.broker import Topic
from twicetold.errors import CorruptLog

HEAD_BYTES = 16
RECORD_BYTES = 9  # what a record takes beyond its payload

TOPIC_BYTES = {Topic.AUDIO: 1, Topic.FINALS: 2}
TOPICS = {number: topic for topic, number in TOPIC_BYTES.items()}

_MAGIC = b"TWICELOG"
_HEAD = struct.Struct("<8sII")
_RECORD = struct.Struct("<IIB")
_SEGMENT_NAME = re.compile(r"([0-9]{20})\.log")
_MAYBE_RECORD = re.compile(rb"(?s)(?=...[\x00-\x07]....[\x01\x02])")

pack_record = _RECORD.pack


@dataclass(frozen=True, slots=True)
class Verified:
    """What a segment holds: whole records up to the position ``end``; a torn one may follow."""

    end: int
    salt: int
    torn: bool
    headless: bool = False


def segment_path(directory: Path, first: int) -> Path:
    return directory / f"{first:020d}.log"


def list_segments(directory: Path) -> list[int]:
    """First positions of the segments in a call's directory, ascending."""
    names = (_SEGMENT_NAME.fullmatch(entry.name) for entry in os.scandir(directory))
    return sorted(int(name[1]) for name in names if name)


def pack_head(salt: int, first: int) -> bytes:
    return _HEAD.pack(_MAGIC, salt, _head_checksum(salt, first))


def seeds(salt: int) -> dict[int, int]:
    """What the checksum of a record starts from, by topic byte."""
    return {number: zlib.crc32(bytes([number]), salt) for number in TOPICS}


def verify_segment(path: Path, first: int, begin: int, *, last: bool) -> Verified:
    """Check all records from ``begin`` on. Only the last segment may end in a torn record.

    Raises CorruptLog where intact data lies behind what is damaged.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        start = max(HEAD_BYTES, begin - first)
        if start > path.stat().st_size:  # a power cut took what had been released already
            start = HEAD_BYTES
        file.seek(start)
        data = file.read()
    salt = _salt(head, first)
    if salt is None:
        if last and (len(head) < HEAD_BYTES or not path.read_bytes().strip(b"\0")):
            return Verified(first, 0, torn=bool(head), headless=True)
        raise _corrupt(path, 0)
    end = 0
    for _, _, stop in _walk(data, 0, seeds(salt)):
        end = stop
    torn = end < len(data)
    if torn and (not last or _intact_behind(data, end + 1, seeds(salt))):
        raise _corrupt(path, start + end)
    return Verified(first + start + end, salt, torn)


def read_records(
    directory: Path, segments: Sequence[int], start: int, stop: int, topic: int, limit_bytes: int
) -> tuple[list[tuple[int, bytes]], int]:
    """Records of a topic in [start, stop), about ``limit_bytes`` of them, and where to go on.

    ``start`` is where a record or a segment begins, or where the log ended once. Raises
    CorruptLog, or FileNotFoundError where the log was removed meanwhile.
    """
    found: list[tuple[int, bytes]] = []
    read = 0
    while start < stop and read < limit_bytes:
        index = max(0, bisect_right(segments, start) - 1)
        first = segments[index]
        start = max(start, first)
        here = min(stop, segments[index + 1]) if index + 1 < len(segments) else stop
        path = segment_path(directory, first)
        try:
            piece, reached = _read_piece(path, first, start, here, topic, limit_bytes - read)
        except CorruptLog:
            if found:  # what lies before the damage is given first
                break
            raise
        found += piece
        read += reached - start
        start = reached
    return found, start


def _read_piece(
    path: Path, first: int, start: int, stop: int, topic: int, limit_bytes: int
) -> tuple[list[tuple[int, bytes]], int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        salt = _salt(os.pread(descriptor, HEAD_BYTES, 0), first)
        if salt is None:
            raise _corrupt(path, 0)
        offset = max(HEAD_BYTES, start - first)
        wanted = min(stop - first - offset, max(limit_bytes, RECORD_BYTES))
        data = os.pread(descriptor, wanted, offset)
        need = _record_size(data)
        if need > len(data) and offset + need <= stop - first:  # one record beyond the limit
            data = os.pread(descriptor, need, offset)
    finally:
        os.close(descriptor)
    base = first + offset
    end = 0
    found: list[tuple[int, bytes]] = []
    for number, payload, record_stop in _walk(data, 0, seeds(salt)):
        if number == topic:
            found.append((base + end, data[payload:record_stop]))
        end = record_stop
    if end == 0 and wanted > 0:
        raise _corrupt(path, offset)
    return found, base + end


def _walk(data: bytes, offset: int, seed: dict[int, int]) -> Iterator[tuple[int, int, int]]:
    """Topic byte, start of the payload and end of each whole, intact record from ``offset``."""
    view = memoryview(data)
    size = len(data)
    while offset + RECORD_BYTES <= size:
        length, checksum, number = _RECORD.unpack_from(data, offset)
        payload = offset + RECORD_BYTES
        stop = payload - 1 + length
        if length == 0 or stop > size or number not in seed:
            return
        if zlib.crc32(view[payload:stop], seed[number]) != checksum:
            return
        yield number, payload, stop
        offset = stop


def _intact_behind(data: bytes, offset: int, seed: dict[int, int]) -> bool:
    """Whether a whole record lies anywhere from ``offset`` on, which no torn write leaves."""
    if not data[offset:].strip(b"\0"):
        return False
    places = (place.start() for place in _MAYBE_RECORD.finditer(data, offset))
    return any(next(_walk(data, place, seed), None) is not None for place in places)


def _record_size(data: bytes) -> int:
    if len(data) < RECORD_BYTES:
        return RECORD_BYTES
    length: int = _RECORD.unpack_from(data)[0]
    return RECORD_BYTES - 1 + length


def _salt(data: bytes, first: int) -> int | None:
    """The salt in a segment's head; None where the head is not whole."""
    if len(data) < HEAD_BYTES:
        return None
    magic, salt, checksum = _HEAD.unpack_from(data)
    if magic != _MAGIC or checksum != _head_checksum(salt, first):
        return None
    return int(salt)


def _head_checksum(salt: int, first: int) -> int:
    return zlib.crc32(struct.pack("<8sIQ", _MAGIC, salt, first))


def _corrupt(path: Path, offset: int) -> CorruptLog:
    return CorruptLog(f"The log {path} is damaged at byte {offset}.")
