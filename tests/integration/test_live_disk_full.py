"""A disk that fills up while calls run: they are told, they wait, and nothing is lost."""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from benchmarks.servers import Server
from tests.integration import live_harness as harness
from tests.integration.live_harness import Served, Wire, call, recording, serving, talk, wire, words

from twicetold.broker import Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.errors import DiskFull
from twicetold.speech.identity import CallKey

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="fills disks in ways of Linux"),
]

STEP_BYTES = 6400


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """16 MiB of tmpfs."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(directory)]
    if not mount or not umount or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs here; the limit on file sizes is tested all the same")
    yield directory
    subprocess.run([umount, "--lazy", str(directory)], check=True)


@pytest.mark.slow
async def test_calls_go_on_once_there_is_space_again(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with serving(small_disk / "data") as server:

        def fill() -> None:
            with filler.open("wb", buffering=0) as file:
                for size in (65_536, 4_096, 1):
                    try:
                        while file.write(bytes(size)) == size:
                            pass
                    except OSError:
                        continue

        await _full_and_free(server, fill, filler.unlink)


@pytest.mark.slow
async def test_calls_go_on_once_files_may_grow_again(tmp_path: Path) -> None:
    """The same without a file system of its own: every write that makes a file longer fails."""
    async with _a_process(tmp_path / "data") as (served, server):
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)

        def fill() -> None:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1_000, hard))

        def free() -> None:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (soft, hard))

        await _full_and_free(served, fill, free)


@asynccontextmanager
async def _a_process(data_dir: Path) -> AsyncIterator[tuple[Served, Server]]:
    server = Server(data_dir, settings={"settle_s": "0.2"})
    await server.start()
    try:
        yield Served(server.url, data_dir), server
    finally:
        assert await server.stop() == 0, server.tail()


async def _full_and_free(
    server: Served, fill: Callable[[], None], free: Callable[[], None]
) -> None:
    """Two calls run into a full disk: one is sending, one says stop."""
    sound, numbers = talk(1, 12)
    half = len(sound) // STEP_BYTES // 2 * STEP_BYTES
    async with call(server, "sending") as sending, call(server, "stopping") as stopping:
        for client in (sending, stopping):
            await client.play(sound[:half])
            await client.acked(client.next_seq - 1)
        fill()
        try:
            await stopping.say("stop")
            await _told_of_the_disk(server, sending, sound)
            await _refused_at_the_door(server)
        finally:
            free()
        acked = max(event["seq"] for event in sending.seen if event["type"] == "ack")
        finals = sending.finals
        async with call(server, "sending", session=sending.session, event=len(finals)) as again:
            assert again.next_seq > acked
            await again.play(sound[again.next_seq * STEP_BYTES :])
            finals += await again.finish()
        assert words(finals) == numbers
        assert await recording(server, "sending") == sound
        await _stopped_after_all(server, stopping, sound[:half], numbers)


async def test_a_call_that_could_not_begin_may_begin_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log's disk fills between the call's record and its opening."""
    publish, full = FileBroker.publish, [True]

    def published(self: FileBroker, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        if topic is Topic.AUDIO and full:
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(DiskFull("The log's disk is full."))
            return refused
        return publish(self, topic, key, value)

    monkeypatch.setattr(FileBroker, "publish", published)
    with serving(tmp_path / "data") as server:
        async with wire(server, call_id="later") as client:
            assert (await client.refused())[0]["code"] == "disk_full"
        full.clear()
        sound, numbers = talk(1, 3)
        async with call(server, "later") as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers


async def _told_of_the_disk(server: Served, client: Wire, sound: bytes) -> None:
    """While it is full nothing is acknowledged, and who comes back is told again."""
    await client.play(sound[client.next_seq * STEP_BYTES :])
    error, code = await client.refused()
    assert (error["code"], error["retryable"], code) == ("disk_full", True, 4503)
    assert error["message"]
    assert error["hint"]


async def _refused_at_the_door(server: Served) -> None:
    async with wire(server, call_id="too-late") as client:
        error, code = await client.refused()
        assert (error["code"], error["retryable"], code) == ("disk_full", True, 4503)


async def _stopped_after_all(
    server: Served, client: Wire, sound: bytes, numbers: list[str]
) -> None:
    """Its close could not be stored at once: it is told so, or has its ``done`` by now."""
    while (event := await client.next())["type"] not in ("done", "error"):
        pass
    finals = client.finals
    if event["type"] == "error":
        assert (event["code"], event["retryable"]) == ("disk_full", True)
        async with asyncio.timeout(harness.PATIENCE_S):
            async with call(server, "stopping", session=client.session, event=len(finals)) as again:
                finals += await again.finish()
    heard = words(finals)
    assert heard == numbers[: len(heard)]
    assert await recording(server, "stopping") == sound
    async with call(server, "too-late") as late:  # the id was not used up
        assert await late.finish() == []
