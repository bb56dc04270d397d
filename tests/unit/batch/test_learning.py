"""What an engine learns of a channel reaches the next chunk, also across an interrupted job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.batch.doubles import CountedEngine, FakeDecoder, interleaved, tools_of

from twicetold.batch.checkpoints import Checkpoints, KeptChunks, StoredCheckpoints
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.pipeline import run_stages, stages
from twicetold.batch.places import EnginePlaces
from twicetold.batch.stages import Publish
from twicetold.batch.transcript import Transcript
from twicetold.engines import EngineInfo, Sound
from twicetold.engines.counter import COUNTER_INFO, CounterEngine, render
from twicetold.errors import EngineFailed
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Hypothesis
from twicetold.storage import open_store

pytestmark = pytest.mark.unit

RATE = 8000
SOUND = interleaved(render(0, 60, RATE), render(500, 60, RATE))


class LearningEngine(CountedEngine):
    """A test double: each word says how many the channel's chunks before it had."""

    def __init__(
        self, fails_at: int = -1, *, in_order: bool = True, language_after_s: float = 0.0
    ) -> None:
        super().__init__(parallel=4)
        self._fails_at = fails_at
        self._info = replace(COUNTER_INFO, in_order=in_order, language_after_s=language_after_s)

    @property
    def info(self) -> EngineInfo:
        return self._info

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        self.calls += sounds
        number = len(self.calls)
        await asyncio.sleep(0.001 * (number % 3))
        if number == self._fails_at:
            raise EngineFailed("It fails.")
        return [_heard(sound) for sound in sounds]


def _heard(sound: Sound) -> Hypothesis:
    heard = CounterEngine().transcribe(replace(sound, adaptation=None), "en")
    before = int(sound.adaptation or 0)
    words = tuple(replace(word, text=f"{word.text}:{before}") for word in heard.words)
    return Hypothesis(words, str(before + len(words)))


async def transcribed(engine: LearningEngine, kept: Checkpoints) -> dict[int, list[str]]:
    said: dict[int, list[str]] = {0: [], 1: []}

    async def keep(_: Transcript, segments: object) -> None:
        async for segment in segments:
            said[segment.channel] += [word.text for word in segment.words]

    steps = stages(
        tools_of(FakeDecoder(SOUND, RATE, 2), engine), EnginePlaces(engine),
        ChunkingSettings(chunk_s=3.0), Publish(keep),
    )  # fmt: skip
    await run_stages(steps, Transcript(Path("call.raw"), "auto", kept))
    return said


@pytest.mark.parametrize("language_after_s", [0.0, 0.5, 5.0])
async def test_each_chunk_has_what_was_learnt_of_its_channel_before(
    language_after_s: float,
) -> None:
    said = await transcribed(LearningEngine(language_after_s=language_after_s), KeptChunks())
    for channel, first in ((0, 0), (1, 500)):
        told = [tuple(map(int, word.split(":"))) for word in said[channel]]
        assert [number for number, _ in told] == list(range(first, first + 60))
        before = sorted({count for _, count in told})
        assert len(before) > 3
        assert all(number - first >= count for number, count in told)
        assert [count for number, count in told if number - first in before] == before


async def test_nobody_else_waits_or_is_told_anything() -> None:
    engine = LearningEngine(in_order=False)
    kept = KeptChunks()
    said = await transcribed(engine, kept)
    assert {word.split(":")[1] for words in said.values() for word in words} == {"0"}
    assert (await kept.load(0)).adaptation is None


async def test_an_interrupted_job_goes_on_with_what_was_learnt(tmp_path: Path) -> None:
    undisturbed = await transcribed(LearningEngine(), KeptChunks())

    async def allowed() -> None: ...

    store = open_store("file://", tmp_path)
    kept = StoredCheckpoints(store, CallKey("acme", "call-1"), "c0ffee", "plan", allowed)
    for fails_at in (3, 2, 4):
        with pytest.raises(EngineFailed):
            await transcribed(LearningEngine(fails_at), kept)
    assert await transcribed(LearningEngine(), kept) == undisturbed
