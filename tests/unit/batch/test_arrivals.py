"""Which files are recordings, and when a file has settled."""

import asyncio
import os
import time

import pytest

from twicetold.batch import settling as settling_module
from twicetold.batch.arrivals import Unwelcome, call_of
from twicetold.batch.settling import Settling
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("object_key", "call_id"),
    [
        ("recordings/acme/call-1.wav", "call-1"),
        ("recordings/acme/2026.11.20-7.mp3", "2026.11.20-7"),
        ("recordings/acme/A.MP4", "A"),
    ],
)
def test_the_name_says_whose_call_it_is(object_key, call_id):
    assert call_of(object_key) == CallKey("acme", call_id)


@pytest.mark.parametrize(
    "object_key",
    [
        "recordings/call.wav",
        "recordings/acme/deep/call.wav",
        "recordings/acme/notes.txt",
        "recordings/acme/call",
        "recordings/acme/my call.wav",
        "recordings/acme/-call.wav",
        "recordings/ac me/call.wav",
        "recordings/acme/" + "x" * 129 + ".wav",
        "parts/acme/call.wav",
    ],
)
def test_other_files_are_unwelcome_and_told_why(object_key):
    with pytest.raises(Unwelcome) as caught:
        call_of(object_key)
    assert str(caught.value)


async def test_a_file_that_was_moved_here_has_settled(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    os.utime(path, (time.time() - 60, time.time() - 60))
    settling = Settling(30.0)
    settling.stirred(str(path))
    async with asyncio.timeout(10):
        assert await settling.settled() == str(path)


async def test_a_file_that_is_written_to_has_to_rest_first(tmp_path):
    path = tmp_path / "a.wav"
    settling, written_at = Settling(0.3), 0.0

    async def write() -> None:
        nonlocal written_at
        for _ in range(4):
            with path.open("ab") as file:
                file.write(b"sound")
            settling.stirred(str(path))
            written_at = time.monotonic()
            await asyncio.sleep(0.15)

    writing = asyncio.create_task(write())
    async with asyncio.timeout(5.0):
        await settling.settled()
    assert time.monotonic() - written_at >= 0.29
    await writing


async def test_a_clock_that_runs_ahead_does_not_keep_a_file_for_ever(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    os.utime(path, (time.time() + 9999, time.time() + 9999))
    settling = Settling(0.1)
    settling.stirred(str(path))
    async with asyncio.timeout(2.0):
        assert await settling.settled() == str(path)


async def test_a_file_that_is_gone_is_forgotten(tmp_path):
    settling = Settling(0.05)
    settling.stirred(str(tmp_path / "gone.wav"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await settling.settled()


async def test_too_many_at_once_are_left_to_reconciliation(monkeypatch):
    monkeypatch.setattr(settling_module, "_MOST_FILES", 2)
    settling = Settling(0.01)
    began = time.monotonic()
    for name in "abc":
        settling.stirred(name)
    await settling.overflowed(60.0)
    assert time.monotonic() - began < 30.0
