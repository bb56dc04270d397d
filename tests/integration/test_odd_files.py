"""What other programs may leave among the recordings: odd names, links, links to links."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from tests.integration.api_harness import Api, running_api

from twicetold.batch import arrivals as arrivals_module
from twicetold.batch.arrivals import Arrivals, ArrivalSettings
from twicetold.batch.job import identify
from twicetold.errors import RecordingNotFound
from twicetold.speech.identity import CallKey
from twicetold.transcripts import NewCall

pytestmark = pytest.mark.integration

SETTINGS = ArrivalSettings(settle_s=0.2, reconcile_every_s=3600.0, language="en")
GOOD = CallKey("default", "good")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


@pytest.fixture
def drops(tmp_path: Path) -> Path:
    directory = tmp_path / "store" / "recordings" / "default"
    directory.mkdir(parents=True)
    return directory


def drop(directory: Path, name: bytes, body: bytes = b"sound", ahead_s: float = -60.0) -> None:
    path = os.fsencode(directory) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123 - no path holds such a name
        file.write(body)
    os.utime(path, (time.time() + ahead_s, time.time() + ahead_s))


def make_odd(directory: Path) -> None:
    for name in (b"bad\xff.flac", b"two\nlines.wav", b"a\tb.wav", b"bell\x07.wav", b"a#b?.wav"):
        drop(directory, name)
    (directory / "self.wav").symlink_to("self.wav")
    (directory / "loop").symlink_to(directory)
    (directory.parent / "round").symlink_to(directory.parent)


def arrivals_of(api: Api) -> Arrivals:
    platform = api.platform
    return Arrivals(platform.store, platform.transcripts, platform.queue, settings=SETTINGS)


@contextlib.asynccontextmanager
async def at_work(arrivals: Arrivals) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(arrivals.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def arrived(api: Api, key: CallKey) -> None:
    async with asyncio.timeout(20.0):
        while await api.platform.queue.job_of(key) is None:
            await asyncio.sleep(0.02)


async def test_a_name_that_is_no_text_ends_nothing(api: Api, drops: Path, monkeypatch) -> None:
    monkeypatch.setattr(arrivals_module, "_FIRST_WAIT_S", 0.1)
    with structlog.testing.capture_logs() as logged:
        async with at_work(arrivals_of(api)) as task:
            drop(drops, b"first.wav")
            await arrived(api, CallKey("default", "first"))
            async with asyncio.timeout(20.0):
                while not any(entry["event"] == "watch_failed" for entry in logged):
                    drop(drops, b"bad\xff.flac")  # again and again: the watch may not be up yet
                    await asyncio.sleep(0.2)
            drop(drops, b"good.wav")
            await arrived(api, GOOD)
            assert not task.done()
            drop(drops, b"later.wav")
            await arrived(api, CallKey("default", "later"))


async def test_odd_entries_keep_no_recording_from_being_found(api: Api, drops: Path) -> None:
    make_odd(drops)
    drop(drops, b"good.wav")
    arrivals = arrivals_of(api)
    with structlog.testing.capture_logs() as logged:
        assert await arrivals.reconcile() == 1
        assert await arrivals.reconcile() == 0
    assert await api.platform.queue.job_of(GOOD) is not None
    told = [str(entry["object"]) for entry in logged if entry["event"] == "recording_left_alone"]
    assert len(told) == len(set(told)) >= 6
    assert all(name.isprintable() for name in told)
    assert "recordings/default/bad\\xff.flac" in told


async def test_a_call_is_deleted_in_spite_of_odd_entries(api: Api, drops: Path) -> None:
    make_odd(drops)
    for name in (b"good.wav", b"good.MP3", b"good.more.wav"):
        drop(drops, name)
    await api.platform.transcripts.begin_call(NewCall(GOOD, 1.0, 1, "drop", "en"))
    assert (await api.client.delete("/v1/calls/good")).status_code == 204
    assert not (drops / "good.wav").exists()
    assert not (drops / "good.MP3").exists()
    assert (drops / "good.more.wav").exists()


async def test_a_link_is_no_recording(api: Api, drops: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("nobody's business")
    (drops / "good.wav").symlink_to(secret)
    (tmp_path / "elsewhere").mkdir()
    drop(tmp_path / "elsewhere", b"away.wav")
    (drops.parent / "linked").symlink_to(tmp_path / "elsewhere")
    assert await arrivals_of(api).reconcile() == 0
    for path in (drops / "good.wav", drops.parent / "linked" / "away.wav"):
        with pytest.raises(RecordingNotFound):
            await identify(path)


@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
async def test_only_a_file_of_its_own_is_served(
    api: Api, drops: Path, tmp_path: Path, kind: str
) -> None:
    secret, path = tmp_path / "secret.txt", drops / "good.wav"
    secret.write_text("nobody's business")
    if kind == "link":
        path.symlink_to(secret)
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    await api.platform.transcripts.begin_call(NewCall(GOOD, 1.0, 1, "drop", "en"))
    await api.platform.transcripts.set_recording(GOOD, "recordings/default/good.wav", 1.0)
    answer = await api.client.get("/v1/calls/good/audio")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording_not_found")


async def test_no_call_begins_in_the_future(api: Api, drops: Path) -> None:
    drop(drops, b"good.wav", ahead_s=1_000_000.0)
    async with at_work(arrivals_of(api)):
        await arrived(api, GOOD)
    call = await api.platform.transcripts.call(GOOD)
    assert call is not None
    assert call.started_at <= time.time()


async def test_a_disk_that_is_all_but_full_is_not_ready(api: Api, monkeypatch) -> None:
    assert (await api.client.get("/readyz")).status_code == 200
    usage = SimpleNamespace(total=10**9, used=0, free=49_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    answer = await api.client.get("/readyz")
    assert answer.status_code == 503
    assert "49 MB" in answer.json()["reasons"]["disk"]
