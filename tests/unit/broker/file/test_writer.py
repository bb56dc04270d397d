from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from twicetold.broker.file import segments as segments_module
from twicetold.broker.file.partition import Partition, Receipt
from twicetold.broker.file.records import HEAD_BYTES, RECORD_BYTES
from twicetold.broker.file.segments import OpenSegments
from twicetold.broker.file.syncer import Syncer
from twicetold.broker.file.writer import FORGET, NOT_WRITTEN, Entry, Outcome, Writer
from twicetold.errors import CorruptLog, DiskFull
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

AUDIO = 1
SIZE = RECORD_BYTES + 10


class FullDisk:
    """``os.writev`` that takes so many more bytes, then none."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.real = os.writev

    def writev(self, descriptor: int, buffers: Sequence[bytes]) -> int:
        data = b"".join(buffers)
        if self.room is None:
            return self.real(descriptor, [data])
        room, self.room = self.room, 0
        if room:
            self.real(descriptor, [data[:room]])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    full = FullDisk()
    monkeypatch.setattr(segments_module.os, "writev", full.writev)
    return full


class Desk:
    """A writer that is driven by hand, without its thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        syncer = Syncer(directory, lambda *_: None, interval_s=1.0)
        self.segments = OpenSegments(syncer, segment_bytes=10_000, open_files=8)
        self.outcomes: list[Outcome] = []
        self.writer = Writer(self.segments, self.outcomes.extend, interval_s=0.0)
        self.loop = asyncio.new_event_loop()

    def call(self, name: str = "c") -> Partition:
        return Partition(CallKey("t", name), self.directory / "t" / name, 0, [0, 0, 0])

    def write(self, partition: Partition, count: int, generation: int = 0) -> Outcome:
        receipt = Receipt(loop=self.loop)
        entry = Entry(partition, AUDIO, b"0123456789", receipt, generation)
        self.writer._write([entry] * count)
        return self.outcomes.pop()

    def size(self, partition: Partition) -> int:
        return sum(path.stat().st_size for path in partition.directory.glob("*.log"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.segments.close()
    desk.loop.close()


def test_positions_are_where_the_records_lie(desk: Desk) -> None:
    call = desk.call()
    assert desk.write(call, 3).positions == [HEAD_BYTES + number * SIZE for number in range(3)]
    assert desk.write(call, 1).positions == [HEAD_BYTES + 3 * SIZE]
    assert desk.size(call) == call.written == HEAD_BYTES + 4 * SIZE


def test_a_full_disk_keeps_whole_records_and_nothing_of_the_next(
    desk: Desk, disk: FullDisk
) -> None:
    call = desk.call()
    disk.room = HEAD_BYTES + 2 * SIZE + 5
    outcome = desk.write(call, 4)
    assert outcome.positions == [HEAD_BYTES, HEAD_BYTES + SIZE, NOT_WRITTEN, NOT_WRITTEN]
    assert isinstance(outcome.error, DiskFull)
    assert desk.size(call) == HEAD_BYTES + 2 * SIZE


def test_what_was_published_before_the_failure_was_seen_is_refused(
    desk: Desk, disk: FullDisk
) -> None:
    call = desk.call()
    disk.room = 0
    assert desk.write(call, 1).positions == [NOT_WRITTEN]
    disk.room = None
    late = desk.write(call, 2)  # it was on its way when the disk said no
    assert late.positions == [NOT_WRITTEN, NOT_WRITTEN]
    assert isinstance(late.error, DiskFull)
    assert desk.write(call, 1, generation=1).positions == [HEAD_BYTES]


def test_one_call_that_fails_takes_no_other_with_it(desk: Desk, disk: FullDisk) -> None:
    one, other = desk.call("one"), desk.call("other")
    disk.room = 0
    desk.write(one, 1)
    disk.room = None
    assert desk.write(other, 1).positions == [HEAD_BYTES]


def test_a_file_that_lost_bytes_is_not_written_on(desk: Desk) -> None:
    call = desk.call()
    desk.write(call, 2)
    desk.segments.drop(call)
    (path,) = call.directory.glob("*.log")
    path.write_bytes(path.read_bytes()[:-1])
    assert isinstance(desk.write(call, 1).error, CorruptLog)
    path.unlink()
    assert isinstance(desk.write(call, 1, generation=1).error, CorruptLog)


def test_a_bug_in_one_call_does_not_stop_the_thread(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = desk.call()
    with monkeypatch.context() as patch:
        patch.setattr(segments_module, "pack_record", None)
        error = desk.write(call, 1).error
    assert error is not None
    assert "TypeError" not in error.message  # words for a person; the log has the rest
    assert error.hint
    assert desk.write(call, 1, generation=1).positions == [HEAD_BYTES]


def test_forgetting_follows_what_was_published_before_it(desk: Desk) -> None:
    old, new = desk.call(), desk.call()
    old.trash = desk.directory / "trash"
    receipt = Receipt(loop=desk.loop)
    desk.writer._write(
        [
            Entry(old, AUDIO, b"old", receipt, 0),
            Entry(old, FORGET, b"", receipt, 1 << 62),
            Entry(new, AUDIO, b"new", receipt, 0),
        ]
    )
    assert [outcome.error for outcome in desk.outcomes] == [None, None]
    (log,) = old.trash.glob("*.log")
    assert log.read_bytes().endswith(b"old")
    (log,) = new.directory.glob("*.log")
    assert log.read_bytes().endswith(b"new")
