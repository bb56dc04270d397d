"""The pass over a file: every word, in order, at its time; bounded; errors as they are."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from tests.unit.batch.doubles import CountedEngine, FakeDecoder, interleaved, tools_of

from twicetold.batch import places as places_module
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.pipeline import FileTranscript, Tools, stages, transcribe_file
from twicetold.batch.places import EnginePlaces
from twicetold.batch.stages import Publish
from twicetold.engines.counter import ToneActivity, render
from twicetold.errors import EmptyAudio, EngineHostDied, NotAudio, TruncatedAudio

pytestmark = pytest.mark.unit

RATE = 8000
CHUNKING = ChunkingSettings(chunk_s=5.0)
AGENT = render(0, 80, RATE)
CALLER = bytes(2 * 9000) + render(500, 60, RATE, group=5, pause_s=1.1)


async def transcribe(tools: Tools, **options: object) -> FileTranscript:
    return await transcribe_file(
        Path("call.raw"), tools, language="en", settings=CHUNKING, **options
    )


def said(transcript: FileTranscript, channel: int = 0) -> list[int]:
    segments = [segment for segment in transcript.segments if segment.channel == channel]
    return [int(word.text) for segment in segments for word in segment.words]


def test_the_stages_are_a_list_with_names():
    tools = tools_of(FakeDecoder(AGENT, RATE), CountedEngine())

    async def save(*_: object) -> None: ...

    steps = stages(tools, EnginePlaces(tools.engine), CHUNKING, Publish(save))
    assert [step.name for step in steps] == ["decode", "transcribe", "publish"]


async def test_every_word_of_both_channels_comes_once_and_in_order():
    decoder = FakeDecoder(interleaved(AGENT, CALLER), RATE, 2)
    transcript = await transcribe(tools_of(decoder, CountedEngine()))
    assert said(transcript, 0) == list(range(80))
    assert said(transcript, 1) == list(range(500, 560))
    starts = [segment.start for segment in transcript.segments]
    assert starts == sorted(starts)
    assert [one.number for one in transcript.segments] == list(range(1, len(starts) + 1))
    assert transcript.channels == 2
    assert transcript.length_s == len(interleaved(AGENT, CALLER)) / 4 / RATE
    assert transcript.engine == "counter"


async def test_words_stand_at_their_place_in_the_recording():
    transcript = await transcribe(tools_of(FakeDecoder(AGENT, RATE), CountedEngine()))
    words = [word for segment in transcript.segments for word in segment.words]
    at_s = 0.0
    for number, word in enumerate(words):
        assert word.start == pytest.approx(at_s, abs=0.003)
        assert word.end == pytest.approx(at_s + 0.12, abs=0.003)
        at_s += 0.12 + (0.8 if number % 8 == 7 else 0.05)


async def test_an_utterance_is_a_segment():
    transcript = await transcribe(tools_of(FakeDecoder(AGENT, RATE), CountedEngine()))
    assert [len(segment.words) for segment in transcript.segments] == [8] * 10


async def test_the_same_sound_on_two_channels_gives_every_word_once():
    decoder = FakeDecoder(interleaved(AGENT, AGENT), RATE, 2)
    transcript = await transcribe(tools_of(decoder, CountedEngine()))
    assert said(transcript) == list(range(80))
    assert said(transcript, 1) == []
    assert transcript.channels == 1


async def test_silence_is_never_sent_to_the_engine():
    engine = CountedEngine()
    transcript = await transcribe(tools_of(FakeDecoder(bytes(2 * 60 * RATE), RATE), engine))
    assert engine.calls == []
    assert transcript.segments == []
    assert transcript.length_s == 60.0


async def test_the_engine_is_kept_busy_but_never_flooded():
    engine = CountedEngine(parallel=3)
    engine.open.clear()
    running = asyncio.create_task(
        transcribe(tools_of(FakeDecoder(render(0, 400, RATE), RATE), engine))
    )
    await engine.until_in_flight(5)
    await asyncio.sleep(0.05)
    assert engine.most_in_flight == 5
    engine.open.set()
    assert said(await running) == list(range(400))
    assert engine.most_in_flight == 5


async def test_progress_grows_to_the_whole():
    seen: list[tuple[float, float]] = []
    transcript = await transcribe(
        tools_of(FakeDecoder(AGENT, RATE), CountedEngine()),
        on_progress=lambda done_s, total_s: seen.append((done_s, total_s)),
    )
    assert all(before[0] <= after[0] for before, after in pairwise(seen))
    assert len(seen) > 2
    assert seen[-1] == (transcript.length_s, transcript.length_s)


async def test_a_host_that_dies_twice_costs_nothing():
    engine = CountedEngine(parallel=1, deaths=2)
    transcript = await transcribe(tools_of(FakeDecoder(AGENT, RATE), engine))
    assert said(transcript) == list(range(80))


async def test_a_chunk_that_kills_every_host_ends_the_pass():
    decoder = FakeDecoder(AGENT, RATE)
    with pytest.raises(EngineHostDied):
        await transcribe(tools_of(decoder, CountedEngine(deaths=1000)))
    assert decoder.opened[0].closed


@pytest.mark.parametrize("error", [NotAudio("no sound"), TruncatedAudio("too short")])
async def test_what_the_decoder_finds_wrong_is_raised_as_it_is(error):
    with pytest.raises(type(error)):
        await transcribe(tools_of(FakeDecoder(b"", RATE, refusal=error), CountedEngine()))
    decoder = FakeDecoder(AGENT, RATE, error=error)
    with pytest.raises(type(error)):
        await transcribe(tools_of(decoder, CountedEngine()))
    assert decoder.opened[0].closed


async def test_a_recording_without_a_sample_is_empty():
    with pytest.raises(EmptyAudio):
        await transcribe(tools_of(FakeDecoder(b"", RATE), CountedEngine()))


async def test_being_cancelled_leaves_nothing_open():
    engine, decoder = CountedEngine(), FakeDecoder(AGENT, RATE)
    engine.open.clear()
    running = asyncio.create_task(transcribe(Tools(decoder, engine, ToneActivity())))
    await engine.until_in_flight(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert engine.in_flight == 0
    assert decoder.opened[0].closed


async def test_places_charge_a_chunk_its_share_of_the_machine_only(monkeypatch):
    now = 100.0
    monkeypatch.setattr(places_module.time, "perf_counter", lambda: now)
    places = EnginePlaces(CountedEngine(parallel=1))
    async with places.turn() as first:
        now += 2.0  # alone
        async with places.turn() as second:
            now += 3.0  # both in flight at once, on one place
        now += 1.0
    assert second.compute_s == pytest.approx(1.5)
    assert first.compute_s == pytest.approx(2.0 + 1.5 + 1.0)
