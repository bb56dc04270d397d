"""Sound at its real speed, and the microphone's queue."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.cli import playing
from twicetold.errors import MissingExtra

pytestmark = pytest.mark.unit


async def blocks(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@given(st.lists(st.integers(0, 40_000), max_size=6), st.sampled_from([1, 2]))
def test_every_byte_comes_once_in_messages_of_200_ms(sizes: list[int], channels: int) -> None:
    frame = 2 * channels
    sizes = [size // frame * frame for size in sizes]
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]

    async def played() -> list[tuple[float, bytes]]:
        made = playing.at_real_speed(blocks(pieces), 16_000, channels, speed=1e9)
        return [pair async for pair in made]

    messages = asyncio.run(played())
    assert b"".join(message for _, message in messages) == b"".join(pieces)
    assert all(len(message) == 3200 * frame for _, message in messages[:-1])
    if messages:
        assert messages[-1][0] == pytest.approx(sum(sizes) / frame / 16_000)


async def test_messages_come_when_they_would_have_been_spoken() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async for position_s, _ in playing.at_real_speed(blocks([bytes(32_000)]), 16_000, 1, speed=10):
        # Never early; late as the machine pleases.
        assert loop.time() - began >= position_s / 10 - 0.002


class FakeSound(types.ModuleType):
    """A test's sound library: five messages, then silence."""

    PortAudioError = RuntimeError

    class RawInputStream:
        def __init__(self, *, callback: Any, blocksize: int, **_: object) -> None:
            self._callback, self._size = callback, blocksize * 2

        def __enter__(self) -> None:
            for number in range(5):
                self._callback(bytes([number]) * self._size, self._size // 2, None, None)

        def __exit__(self, *_: object) -> None: ...


async def test_the_microphone_gives_what_is_said_until_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSound("sounddevice"))
    microphone, stopped = playing.Microphone(), asyncio.Event()
    heard = []
    async for message in microphone.messages(stopped):
        heard.append(message[0])
        assert len(message) == 6400
        if len(heard) == 5:
            asyncio.get_running_loop().call_later(0.01, stopped.set)
    assert heard == [0, 1, 2, 3, 4]
    assert microphone.lost == 0


async def test_sound_that_nobody_takes_is_counted_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSound("sounddevice"))
    monkeypatch.setattr(playing, "_MICROPHONE_WAITING", 2)
    microphone = playing.Microphone()
    for _ in range(5):
        microphone._put(b"x")
    assert microphone.lost == 3


def test_a_missing_system_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lacking:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Lacking(), *sys.meta_path])
    with pytest.raises(MissingExtra, match="PortAudio") as caught:
        playing.sound_library()
    assert "apt-get install libportaudio2" in caught.value.hint
