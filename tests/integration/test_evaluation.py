"""What is judged is the product: a played call has the finals that a server gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration import live_harness as harness
from tests.integration.live_harness import RATE, call, serving, talk

from twicetold.choice.chain import Chain
from twicetold.config import Settings
from twicetold.engines.counter import CounterEngine, ToneActivity
from twicetold.engines.inline import Inline
from twicetold.live.detection import Detector
from twicetold.live.engines import Engines
from twicetold.live.playing import PlayedCall
from twicetold.media.dual_mono import same_sound
from twicetold.wiring.passes import live_settings

pytestmark = pytest.mark.integration

MAX_UTTERANCE_S = 3.0


async def in_blocks(pcm: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(pcm), 40_000):
        yield pcm[at : at + 40_000]


async def test_a_played_call_has_a_server_s_finals(tmp_path: Path) -> None:
    left, _ = talk(100, 40, group=30)  # longer than an utterance may be: it is cut
    right, _ = talk(900, 12, group=4, pause_s=1.1)
    sound = harness.stereo(left, bytes(int(0.5 * RATE) * 2) + right)
    with serving(tmp_path / "data", max_utterance_s=MAX_UTTERANCE_S) as server:
        async with call(server, "stereo", channels=2) as client:
            await client.play(sound, 12_800)
            finals = await client.finish()
    endpointing = live_settings(Settings(max_utterance_s=MAX_UTTERANCE_S)).endpointing
    detector = Detector(ToneActivity())
    played = PlayedCall(
        RATE, 2, "en", Engines(Chain.of(Inline(CounterEngine()))), detector, endpointing, same_sound
    )
    await played.play(in_blocks(sound))
    told = sorted(finals, key=lambda final: (final["start"], final["channel"]))
    assert len(told) > 5
    assert [
        (one.channel, one.number, round(one.start, 3), round(one.end, 3), one.text)
        for one in played.segments
    ] == [(f["channel"], f["utterance"], f["start"], f["end"], f["text"]) for f in told]
