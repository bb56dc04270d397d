"""A recording as a call: its captions, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from twicetold.choice.chain import Chain
from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Stream
from twicetold.engines.counter import COUNTER_INFO, CounterEngine, ToneActivity, render
from twicetold.engines.inline import Inline
from twicetold.errors import EmptyAudio, EngineFailed, NotAudio
from twicetold.live.detection import Detector
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.engines import Engines
from twicetold.live.playing import PlayedCall
from twicetold.media.dual_mono import same_sound

pytestmark = pytest.mark.unit

RATE = 16_000


class DeafEngine:
    """A test double: an engine whose every stream fails."""

    info: EngineInfo = COUNTER_INFO

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        raise EngineFailed("told to fail by the test")

    async def aclose(self) -> None:
        pass


def played(channels: int = 1, engine: Inline | DeafEngine | None = None) -> PlayedCall:
    return PlayedCall(
        RATE,
        channels,
        "en",
        Engines(Chain.of(engine or Inline(CounterEngine()))),
        Detector(ToneActivity()),
        EndpointSettings(max_utterance_s=3.0),
        same_sound,
    )


async def blocks(pcm: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(pcm), size):
        yield pcm[at : at + size]


def stereo(left: bytes, right: bytes) -> bytes:
    longest = max(len(left), len(right))
    sides = [np.frombuffer(each.ljust(longest, b"\0"), "<i2") for each in (left, right)]
    return np.stack(sides, axis=1).tobytes()


def said(call: PlayedCall, channel: int = 0) -> list[int]:
    texts = [segment.text for segment in call.segments if segment.channel == channel]
    return [int(word) for word in " ".join(texts).split()]


@pytest.mark.parametrize("size", [6_400, 32_000, 50_002])
async def test_every_word_once_whatever_the_pieces_and_the_cuts(size: int) -> None:
    call, pcm = played(), render(1, 60, RATE, group=30)  # monologues of 5 s: they are cut
    seen: list[float] = []
    await call.play(blocks(pcm, size), seen.append)
    assert said(call) == list(range(1, 61))
    assert call.length_s == pytest.approx(len(pcm) / 2 / RATE) == seen[-1]
    assert len(call.segments) > 2
    assert [each.start for each in call.segments] == sorted(each.start for each in call.segments)


async def test_channels_have_their_own_words() -> None:
    call = played(channels=2)
    await call.play(blocks(stereo(render(1, 8, RATE), render(101, 16, RATE)), 64_000))
    assert (said(call), said(call, 1)) == (list(range(1, 9)), list(range(101, 117)))
    assert call.channels == 2


async def test_the_same_sound_on_both_channels_is_heard_once() -> None:
    call, pcm = played(channels=2), render(1, 8, RATE)
    await call.play(blocks(stereo(pcm, pcm), 64_000))
    assert (said(call), said(call, 1), call.channels) == (list(range(1, 9)), [], 1)


async def test_an_engine_that_cannot_hear_is_said_to_have_failed() -> None:
    with pytest.raises(EngineFailed, match="could not be heard: 2"):
        await played(engine=DeafEngine()).play(blocks(render(1, 16, RATE), 32_000))


async def test_what_is_wrong_with_the_sound_is_raised_as_it_is() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(32_000)
        raise NotAudio("told to fail by the test")

    with pytest.raises(NotAudio):
        await played().play(broken())
    with pytest.raises(EmptyAudio):
        await played().play(blocks(b"", 1))
