"""What ``bench batch`` measures: the same chunks with and without the pass around the engine."""

import math
from pathlib import Path

import pytest
from tests.unit.batch.doubles import CountedEngine, FakeDecoder, interleaved, tools_of

from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.measuring import BatchFigures, measure, total, warm_up
from twicetold.engines.counter import render
from twicetold.errors import EmptyAudio

pytestmark = pytest.mark.unit

RATE = 8000
CHUNKING = ChunkingSettings(chunk_s=5.0)
CALL = interleaved(render(0, 80, RATE), render(500, 60, RATE))


async def measured(decoder: FakeDecoder, engine: CountedEngine) -> BatchFigures:
    return await measure(
        Path("call.raw"), tools_of(decoder, engine), language="en", settings=CHUNKING
    )


async def test_the_engine_alone_gets_the_very_chunks_of_the_pass():
    engine = CountedEngine()
    engine.workers = 1  # which hears two at once
    figures = await measured(FakeDecoder(CALL, RATE, 2), engine)
    alone, in_the_pass = engine.calls[: figures.chunks], engine.calls[figures.chunks :]
    assert figures.chunks > 2
    assert sorted(one.pcm for one in alone) == sorted(one.pcm for one in in_the_pass)
    assert figures.speech_s == pytest.approx(sum(one.seconds for one in alone))
    assert figures.audio_s == pytest.approx(len(CALL) / 4 / RATE)
    assert (figures.channels, figures.hosts) == (2, engine.workers)


async def test_every_decoder_is_closed():
    decoder = FakeDecoder(CALL, RATE, 2)
    await measured(decoder, CountedEngine())
    assert len(decoder.opened) == 3
    assert all(one.closed for one in decoder.opened)


async def test_a_recording_without_sound_is_refused():
    with pytest.raises(EmptyAudio):
        await measured(FakeDecoder(b"", RATE), CountedEngine())


async def test_silence_has_no_overhead_to_speak_of():
    figures = await measured(FakeDecoder(bytes(2 * RATE * 3), RATE), CountedEngine())
    assert figures.chunks == 0
    assert math.isnan(figures.overhead)


async def test_the_engine_is_warmed_up_on_each_host():
    engine = CountedEngine(parallel=3)
    await warm_up(tools_of(FakeDecoder(CALL, RATE, 2), engine), "en")
    assert len(engine.calls) == 3


def test_ratios_of_all_files_are_those_of_the_sums():
    one = BatchFigures("a", 60.0, 50.0, 2, 4, 2, 0.1, 0.5, 10.0, 11.0)
    other = BatchFigures("b", 30.0, 10.0, 1, 1, 2, 0.1, 0.2, 2.0, 4.0)
    both = total([one, other])
    assert both.overhead == pytest.approx(15.0 / 12.0)
    assert both.rtfx == pytest.approx(90.0 / 15.0)
    assert (both.chunks, both.channels, both.file) == (5, 2, "all")
