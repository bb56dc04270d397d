"""Where each group stands in a call's log: two checksummed slots, written in turn.

A slot is a counter u64, one position u64 for each of ``SLOTS``, and the crc32 of both. The
slot with the higher counter holds; the other one, which a kill may have left half written,
still has the value before it.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from twicetold.broker import Group, Topic
from twicetold.errors import CorruptLog

# The groups of each topic never change: a record may go once all of them released it.
SLOTS = ((Topic.AUDIO, Group.LIVE), (Topic.AUDIO, Group.RECORD), (Topic.FINALS, Group.RECORD))
FILE_NAME = "positions"

Positions = tuple[int, int, int]

_BODY = struct.Struct("<QQQQ")
_CHECKSUM = struct.Struct("<I")
_SLOT_SPACING = 512  # a slot never shares a disk sector with the other


def load_positions(directory: Path) -> tuple[int, Positions] | None:
    """The counter and the positions saved last; None where none were. Raises CorruptLog."""
    path = directory / FILE_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    found = [slot for slot in map(_unpack, (data[:_SLOT_SPACING], data[_SLOT_SPACING:])) if slot]
    if found:
        return max(found)
    if data.strip(b"\0") and len(data) >= _BODY.size + _CHECKSUM.size:
        raise CorruptLog(f"The positions {path} are damaged.")
    return None  # the very first write was cut short: nothing had been released for good


def save_positions(directory: Path, counter: int, positions: Positions) -> None:
    """Write beside what was saved before; ``counter`` is one more than then. Raises OSError."""
    body = _BODY.pack(counter, *positions)
    path = directory / FILE_NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        data = body + _CHECKSUM.pack(zlib.crc32(body))
        os.pwrite(descriptor, data, (counter % 2) * _SLOT_SPACING)
    finally:
        os.close(descriptor)


def _unpack(data: bytes) -> tuple[int, Positions] | None:
    size = _BODY.size
    if len(data) < size + _CHECKSUM.size:
        return None
    if zlib.crc32(data[:size]) != _CHECKSUM.unpack_from(data, size)[0]:
        return None
    counter, *positions = _BODY.unpack_from(data)
    live, record, finals = positions
    return counter, (live, record, finals)
