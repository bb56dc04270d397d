"""The embedded broker when the disk takes no more."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twicetold.broker import Delivery, Group, Topic
from twicetold.broker.file import segments as segments_module
from twicetold.broker.file.broker import FileBroker
from twicetold.errors import DiskFull
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.integration

KEY = CallKey("acme", "call-1")
OTHER = CallKey("acme", "call-2")
PATIENCE_S = 20.0


def message(number: int, size: int = 6400) -> bytes:
    return f"{number:08d}".encode() * (size // 8)


@contextlib.asynccontextmanager
async def running(directory: Path, segment_bytes: int = 1 << 24) -> AsyncIterator[FileBroker]:
    broker = FileBroker(directory, segment_bytes=segment_bytes)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.aclose()


async def published(broker: FileBroker, value: bytes, key: CallKey = KEY) -> bool:
    try:
        await broker.publish(Topic.AUDIO, key, value)
    except DiskFull:
        return False
    return True


async def stored(broker: FileBroker, last: int, key: CallKey = KEY) -> list[int]:
    """The numbers of all messages, up to the last one, as the record group gets them."""
    consumer = broker.consume(Topic.AUDIO, Group.RECORD)
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while last not in found:
            for item in await consumer.receive():
                if isinstance(item, Delivery) and item.key == key:
                    assert item.value == message(int(item.value[:8]), len(item.value))
                    found.append(int(item.value[:8]))
    await consumer.aclose()
    return found


# --- a file system that is really full -----------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """1 MiB of tmpfs."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)]
    if mount is None or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs here; the limit on file sizes is tested all the same")
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


async def test_a_full_disk_fails_what_it_does_not_take_and_keeps_the_rest(
    small_disk: Path,
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    async with running(small_disk / "log") as broker:
        taken = 0
        while await published(broker, message(taken)):
            taken += 1
        assert 30 < taken < 100
        assert not await published(broker, message(taken))
        assert not await published(broker, message(0), OTHER)
        ballast.unlink()
        assert await published(broker, message(taken)), "goes on by itself once there is space"
        assert await stored(broker, taken) == list(range(taken + 1))
    async with running(small_disk / "log") as broker:
        assert await stored(broker, taken) == list(range(taken + 1))


async def test_released_audio_makes_room_on_a_full_disk(small_disk: Path) -> None:
    async with running(small_disk / "log", segment_bytes=100_000) as broker:
        taken = 0
        while await published(broker, message(taken)):
            taken += 1
        finals = broker.consume(Topic.FINALS, Group.RECORD)
        for group in Group:
            consumer = broker.consume(Topic.AUDIO, group)
            left = taken
            async with asyncio.timeout(PATIENCE_S):
                while left:
                    for item in await consumer.receive():
                        if isinstance(item, Delivery):
                            consumer.release(item)
                            left -= 1
        await asyncio.sleep(1.5)  # released segments go once a second
        assert await published(broker, message(taken))
        await finals.aclose()


# --- a limit on the size of files, in a process of its own ---------------------------


async def publish_beyond_the_limit(directory: Path) -> None:
    """The child: 60 messages at once, of which 31 fit; then each alone; then without the limit."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    async with running(directory) as broker:
        receipts = [broker.publish(Topic.AUDIO, KEY, message(number)) for number in range(60)]
        outcomes = await asyncio.gather(*receipts, return_exceptions=True)
        assert [isinstance(each, DiskFull) for each in outcomes] == [False] * 31 + [True] * 29
        assert not await published(broker, message(31))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert await published(broker, message(31))
        assert await stored(broker, 31) == list(range(32))


def test_a_limit_on_file_sizes_leaves_whole_records_only(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "nothing is complained about"
    (log,) = (tmp_path / "acme" / "call-1").glob("*.log")
    assert log.stat().st_size == 16 + 32 * 6409


# --- writes that fail at any place ---------------------------------------------------


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=25),
    faults=st.dictionaries(st.integers(0, 8), st.integers(0, 400), max_size=4),
    pauses=st.sets(st.integers(0, 25)),
    looks=st.sets(st.integers(0, 25)),
)
def test_a_failed_write_never_leaves_a_hole_that_its_publisher_does_not_know_of(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    faults: dict[int, int],
    pauses: set[int],
    looks: set[int],
) -> None:
    directory = tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments_module.os, "writev", failing_writes(faults))
        asyncio.run(publish_and_look(directory, sizes, faults, pauses, looks))
    asyncio.run(compare_after_restart(directory))
    shutil.rmtree(directory)


def failing_writes(faults: dict[int, int]) -> object:
    """``os.writev`` whose nth call writes only so many bytes, then says that the disk is full."""
    real = os.writev
    calls = iter(range(1 << 30))

    def writev(descriptor: int, buffers: Sequence[bytes]) -> int:
        room = faults.get(next(calls))
        data = b"".join(buffers)
        if room is None or room >= len(data):
            return real(descriptor, [data])
        real(descriptor, [data[:room]])
        raise OSError(errno.ENOSPC, "No space left on device")

    return writev


EXPECTED: dict[Path, list[int]] = {}


async def publish_and_look(
    directory: Path, sizes: list[int], faults: dict[int, int], pauses: set[int], looks: set[int]
) -> None:
    """A publisher that seldom looks at what became of its messages."""
    async with running(directory, segment_bytes=300) as broker:
        live = broker.consume(Topic.AUDIO, Group.LIVE)
        receipts: list[asyncio.Future[None]] = []
        seen: set[int] = set()
        for number, size in enumerate(sizes):
            receipts.append(broker.publish(Topic.AUDIO, KEY, message(number, 8 * size)))  # type: ignore[arg-type]
            if number in pauses:
                await asyncio.sleep(0.004)
            if number in looks:
                await asyncio.gather(receipts[-1], return_exceptions=True)
                seen.add(number)
        await asyncio.wait(receipts)
        kept = [n for n, receipt in enumerate(receipts) if receipt._exception is None]
        for lost in set(range(len(sizes))) - set(kept):
            later = [number for number in kept if number > lost]
            if later:  # somebody looked at a failure before anything was let in again
                assert any(look not in kept and look < later[0] for look in seen)
        EXPECTED[directory] = kept
        found: list[int] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < len(kept):
                batch = await live.receive()
                found += [int(item.value[:8]) for item in batch if isinstance(item, Delivery)]
        assert found == kept
        await asyncio.gather(*receipts, return_exceptions=True)
        faults.clear()
        await broker.publish(Topic.AUDIO, KEY, message(99))


async def compare_after_restart(directory: Path) -> None:
    async with running(directory) as broker:
        assert await stored(broker, 99) == [*EXPECTED.pop(directory), 99]


if __name__ == "__main__":
    asyncio.run(publish_beyond_the_limit(Path(sys.argv[1])))
