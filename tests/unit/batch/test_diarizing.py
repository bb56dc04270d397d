"""Speakers by voice in the pass: what goes wrong costs no word; what was lost is heard again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.unit.batch.doubles import CountedEngine, FakeDecoder, Here, interleaved

from twicetold.batch.checkpoints import KeptChunks
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.diarizing import ByVoice, Diarize
from twicetold.batch.pipeline import run_stages
from twicetold.batch.places import EnginePlaces
from twicetold.batch.stages import Decode, Transcribe
from twicetold.batch.transcript import Transcript
from twicetold.engines.counter import ToneActivity, render
from twicetold.enrich.apart import Died
from twicetold.errors import EnrichmentFailed, NotAudio
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

RATE = 8000
SOUND = render(0, 30, RATE)


class Hears:
    """Stands in for a diarizer: one turn, as long as what it has heard. Raises ``errors`` one after
    the other, once it has heard 3 s."""

    name = "hears"

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.heard = list(errors), bytearray()

    def start(self, rate: int) -> Hears:
        self.heard.clear()
        return self

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        self.heard += pcm
        if self.errors and len(self.heard) > 2 * 3 * RATE:
            raise self.errors.pop(0)

    def finish(self) -> list[Turn]:
        return [Turn(0.0, len(self.heard) / 2 / RATE, "1")]


async def passed(
    diarizer: Hears,
    pcm: bytes = SOUND,
    channels: int = 1,
    words: Sequence[int] = range(30),
    then: Callable[[FakeDecoder], None] = lambda decoder: None,
) -> tuple[Transcript, Here]:
    """A transcript up to its turns; ``then`` happens once its words stand."""
    here, engine = Here(diarizer), CountedEngine()
    decoder = FakeDecoder(pcm, RATE, channels)
    by_voice = ByVoice(here)
    decode = Decode(decoder, ToneActivity(), ChunkingSettings(chunk_s=5.0), by_voice)
    transcript = Transcript(Path("call.raw"), "en", KeptChunks())

    class Then:
        name = "then"

        async def run(self, transcript: Transcript) -> None:
            then(decoder)

    steps = [decode, Transcribe(engine, EnginePlaces(engine)), Then()]
    await run_stages([*steps, Diarize(by_voice, decode.hear_again)], transcript)
    said = [word.text async for each in transcript.segments() for word in each.words]
    assert sorted(map(int, said)) == list(words)
    assert transcript.progress.done_s == len(pcm) / 2 / channels / RATE
    return transcript, here


WHOLE = (Turn(0.0, len(SOUND) / 2 / RATE, "1"),)


async def test_all_sound_is_heard_once():
    transcript, here = await passed(Hears())
    assert transcript.turns == WHOLE
    assert transcript.failed_stages == []
    assert transcript.enriched.seconds == {"speakers": 0.25}
    assert here.started == 1


async def test_what_fails_is_left_out_and_named():
    transcript, here = await passed(Hears(EnrichmentFailed("It hangs.")))
    assert transcript.turns == ()
    assert transcript.failed_stages == [{"stage": "speakers", "code": "enrichment_failed"}]
    assert here.started == 1


async def test_what_was_lost_with_its_process_is_heard_once_more():
    transcript, here = await passed(Hears(Died()))
    assert transcript.turns == WHOLE
    assert transcript.failed_stages == []
    assert here.started == 2


async def test_what_is_lost_again_is_left_out():
    transcript, here = await passed(Hears(Died(), Died()))
    assert transcript.turns == ()
    assert transcript.enriched.seconds == {"speakers": 2 * 0.25}  # by who died in the midst of it
    assert transcript.failed_stages == [{"stage": "speakers", "code": "enrichment_failed"}]
    assert here.started == 2


async def test_a_recording_that_cannot_be_read_again_costs_the_words_nothing():
    def spoil(decoder: FakeDecoder) -> None:
        decoder._refusal = NotAudio("It is gone.")

    transcript, _ = await passed(Hears(Died()), then=spoil)
    assert transcript.turns == ()
    assert transcript.failed_stages == [{"stage": "speakers", "code": "not_audio"}]


async def test_channels_that_differ_are_not_heard_to_the_end():
    diarizer = Hears()
    pcm = interleaved(render(0, 20, RATE), bytes(2 * 5000) + render(500, 20, RATE))
    transcript, _ = await passed(diarizer, pcm, 2, [*range(20), *range(500, 520)])
    assert transcript.turns == ()
    assert transcript.failed_stages == []
    assert len(diarizer.heard) < 2 * 2 * RATE
