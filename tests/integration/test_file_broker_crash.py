"""The embedded broker after a kill, a power cut, and damage to its files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from twicetold.broker import Consumer, Delivery, Group, Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.errors import CorruptLog
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.integration

KEY = CallKey("acme", "call-0")
CALLS = [CallKey("acme", f"call-{number}") for number in range(4)]
SEGMENT_BYTES = 50_000
PATIENCE_S = 20.0
FIRST_MARK = 90_000_000  # what the parent adds behind the child's messages, to know the end


def message(key: CallKey, number: int) -> bytes:
    """Of any length up to 12 KB, the same for each call and number."""
    pick = random.Random(f"{key} {number}")
    return f"{number:08d}".encode() + pick.randbytes(pick.choice([0, 30, 6400, 12_000]))


def number_of(value: bytes) -> int:
    return int(value[:8])


async def started(directory: Path) -> FileBroker:
    broker = FileBroker(directory, segment_bytes=SEGMENT_BYTES)
    await broker.start()
    return broker


async def everything(consumer: Consumer, last: dict[CallKey, int]) -> list[Delivery]:
    """All deliveries up to the given last number of each call."""
    found: list[Delivery] = []
    missing = dict(last)
    async with asyncio.timeout(PATIENCE_S):
        while missing:
            for item in await consumer.receive():
                if isinstance(item, Delivery):
                    found.append(item)
                    if missing.get(item.key) == number_of(item.value):
                        del missing[item.key]
    return found


def numbers(deliveries: list[Delivery], key: CallKey) -> list[int]:
    return [number_of(each.value) for each in deliveries if each.key == key]


def call_files(directory: Path, key: CallKey = KEY) -> list[Path]:
    return sorted((directory / key.tenant / key.call_id).glob("*.log"))


def digest(directory: Path) -> str:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    summary = hashlib.sha256()
    for path in files:
        summary.update(str(path).encode() + path.read_bytes())
    return summary.hexdigest()


# --- a killed process ----------------------------------------------------------------


async def publish_until_killed(directory: Path, first: dict[CallKey, int]) -> None:
    """The child: publishes to all calls, says what was awaited, receives, releases some of it."""
    broker = await started(directory)
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)

    async def release_what_comes() -> None:
        while batch := await consumer.receive():
            for item in batch:
                if isinstance(item, Delivery):
                    os.write(1, f"released {item.key.call_id} {number_of(item.value)}\n".encode())
                    consumer.release(item)

    releasing = asyncio.create_task(release_what_comes())
    number = dict(first)
    while not releasing.done():
        written = []
        for key in CALLS:
            for _ in range(random.randint(1, 5)):
                written.append(broker.publish(Topic.AUDIO, key, message(key, number[key])))
                number[key] += 1
        await asyncio.gather(*written)
        for key in CALLS:
            os.write(1, f"awaited {key.call_id} {number[key] - 1}\n".encode())


def run_and_kill(directory: Path, first: dict[CallKey, int], after_s: float) -> list[list[str]]:
    """What the child said before it was killed, in words."""
    arguments = [str(first[key]) for key in CALLS]
    child = subprocess.Popen(
        [sys.executable, __file__, str(directory), *arguments], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        said = child.stdout.readline()  # it is at work
        try:
            rest, _ = child.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            child.kill()
            rest, _ = child.communicate()
    assert child.returncode == -9, "the child was to be killed, not to fail"
    lines = (said + rest).decode().split("\n")[:-1]
    return [line.split() for line in lines]


def highest(said: list[list[str]], verb: str) -> dict[CallKey, int]:
    found = {line[1]: int(line[2]) for line in said if len(line) == 3 and line[0] == verb}
    return {key: found.get(key.call_id, -1) for key in CALLS}


@pytest.mark.slow
async def test_what_was_awaited_outlives_a_kill_byte_for_byte(tmp_path: Path) -> None:
    """Five kills of one log, one after the other."""
    end = dict.fromkeys(CALLS, 0)  # how many messages of each call are in the log
    released = dict.fromkeys(CALLS, -1)
    pick = random.Random(7)
    for mark in range(FIRST_MARK, FIRST_MARK + 5):
        said = await asyncio.to_thread(run_and_kill, tmp_path, end, pick.uniform(0.0, 0.25))
        awaited = highest(said, "awaited")
        released = {
            key: max(released[key], number) for key, number in highest(said, "released").items()
        }
        broker = await started(tmp_path)
        try:
            record = broker.consume(Topic.AUDIO, Group.RECORD)
            marks = [broker.publish(Topic.AUDIO, key, str(mark).encode()) for key in CALLS]
            await asyncio.gather(*marks)
            found = await everything(record, dict.fromkeys(CALLS, mark))
            live = await everything(
                broker.consume(Topic.AUDIO, Group.LIVE), dict.fromkeys(CALLS, mark)
            )
        finally:
            await broker.aclose()
        for key in CALLS:
            kept = [number for number in numbers(found, key) if number < FIRST_MARK]
            assert kept == list(range(len(kept)))
            assert len(kept) > awaited[key]
            end[key] = len(kept)
            repeated = [number for number in numbers(live, key) if number < FIRST_MARK]
            assert repeated == kept[len(kept) - len(repeated) :]
            assert len(kept) - len(repeated) <= released[key] + 1, "skipped what was not released"
        for each in found:
            if number_of(each.value) < FIRST_MARK:
                assert each.value == message(each.key, number_of(each.value))


# --- torn tails ----------------------------------------------------------------------


async def write_some(directory: Path, count: int) -> None:
    broker = await started(directory)
    for number in range(count):
        broker.publish(Topic.AUDIO, KEY, message(KEY, number))
    await broker.aclose()


TEARS = {
    "cut by one byte": lambda data: data[:-1],
    "cut within the record's head": lambda data: data[: -len(message(KEY, 9)) - 4],
    "cut, then zeros": lambda data: data[:-5] + bytes(4096),
    "zeros behind": lambda data: data + bytes(4096),
    "half a record behind": lambda data: data + data[16:30],
    "noise behind": lambda data: data + b"\xa5" * 100,
}


@pytest.mark.parametrize("tear", TEARS)
async def test_a_torn_tail_is_cut_off_and_writing_goes_on(tmp_path: Path, tear: str) -> None:
    await write_some(tmp_path, 10)
    last = call_files(tmp_path)[-1]
    last.write_bytes(TEARS[tear](last.read_bytes()))
    broker = await started(tmp_path)
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)
    kept = 9 if "cut" in tear else 10
    for number in range(kept, 14):
        await broker.publish(Topic.AUDIO, KEY, message(KEY, number))
    for found in (await everything(consumer, {KEY: 13}), await again(broker, tmp_path)):
        assert [each.value for each in found] == [message(KEY, number) for number in range(14)]


async def again(broker: FileBroker, directory: Path) -> list[Delivery]:
    await broker.aclose()
    broker = await started(directory)
    try:
        return await everything(broker.consume(Topic.AUDIO, Group.RECORD), {KEY: 13})
    finally:
        await broker.aclose()


@pytest.mark.parametrize("left", [b"", b"TWICE", bytes(4096)])
async def test_a_segment_whose_head_was_not_written_is_made_again(
    tmp_path: Path, left: bytes
) -> None:
    await write_some(tmp_path, 10)
    last = call_files(tmp_path)[-1]
    following = last.with_name(f"{int(last.stem) + last.stat().st_size:020d}.log")
    following.write_bytes(left)
    broker = await started(tmp_path)
    for number in range(10, 14):
        await broker.publish(Topic.AUDIO, KEY, message(KEY, number))
    found = await again(broker, tmp_path)
    assert [each.value for each in found] == [message(KEY, number) for number in range(14)]


async def test_positions_behind_the_end_do_not_swallow_what_is_written_next(
    tmp_path: Path,
) -> None:
    """A power cut took records that every group had released, and whose release was saved."""
    await write_some(tmp_path, 6)
    broker = await started(tmp_path)
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)
    for delivery in await everything(consumer, {KEY: 5}):
        consumer.release(delivery)
    await broker.aclose()
    last = call_files(tmp_path)[-1]
    data = last.read_bytes()
    last.write_bytes(data[: -len(message(KEY, 5)) - len(message(KEY, 4)) - 18])
    copy = tmp_path / "as a kill right after the start leaves it"
    broker = await started(tmp_path)
    await broker.publish(Topic.AUDIO, KEY, message(KEY, 6))
    await asyncio.to_thread(_copy, tmp_path / "acme", copy / "acme")
    await broker.aclose()
    broker = await started(copy)
    try:
        found = await everything(broker.consume(Topic.AUDIO, Group.LIVE), {KEY: 6})
    finally:
        await broker.aclose()
    assert numbers(found, KEY) == [6]


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())


# --- damage --------------------------------------------------------------------------


def damage_middle(directory: Path) -> Path:
    path = call_files(directory)[-1]
    data = bytearray(path.read_bytes())
    data[16 + 20] ^= 0x40
    path.write_bytes(data)
    return path


def damage_length(directory: Path) -> Path:
    path = call_files(directory)[-1]
    data = bytearray(path.read_bytes())
    data[16 + 2] ^= 0x7F  # the record seems to reach far beyond the end
    path.write_bytes(data)
    return path


def damage_older_segment(directory: Path) -> Path:
    path = call_files(directory)[0]
    path.write_bytes(path.read_bytes()[:-1])
    return path


def lose_a_segment(directory: Path) -> Path:
    first, second, *_ = call_files(directory)
    second.unlink()
    return first


def damage_head(directory: Path) -> Path:
    path = call_files(directory)[-1]
    path.write_bytes(b"x" + path.read_bytes()[1:])
    return path


@pytest.mark.parametrize(
    "damage",
    [damage_middle, damage_length, damage_older_segment, lose_a_segment, damage_head],
)
async def test_a_damaged_log_is_refused_by_name_and_nothing_is_touched(
    tmp_path: Path, damage: object
) -> None:
    assert callable(damage)
    await write_some(tmp_path, 45)
    assert len(call_files(tmp_path)) >= 3
    (tmp_path / "acme" / "call-1").mkdir()
    path = damage(tmp_path)
    before = digest(tmp_path)
    broker = FileBroker(tmp_path)
    with pytest.raises(CorruptLog) as caught:
        await broker.start()
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert digest(tmp_path) == before
    await broker.aclose()


if __name__ == "__main__":
    asyncio.run(
        publish_until_killed(
            Path(sys.argv[1]), dict(zip(CALLS, map(int, sys.argv[2:]), strict=True))
        )
    )
