"""The laws of chunking, over any speech, any settings and any block sizes."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import hypothesis
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twicetold.batch.chunking import Chunk, ChunkingSettings, ChunkPlanner
from twicetold.speech.activity import Ended, GateSettings, SpeechGate, Started

pytestmark = pytest.mark.unit

RATE, FRAME = 8000, 256

untimed = hypothesis.settings(deadline=None)  # a busy machine is no broken law

settings_of = st.builds(
    ChunkingSettings,
    chunk_s=st.floats(1.0, 4.0),
    min_silence_ms=st.integers(100, 900),
    pre_roll_ms=st.integers(0, 600),
    post_roll_ms=st.integers(0, 600),
    threshold=st.sampled_from([0.2, 0.5, 0.9]),
)
# Runs of frames at one probability: silence, doubt, speech.
runs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 1.0]), st.integers(1, 150)), min_size=1, max_size=12
)


def sound_of(frames: int) -> bytes:
    """Every sample tells where it stood; louder and quieter stretches, so that cuts differ."""
    at = np.arange(frames * FRAME)
    return ((at % 9973) * (1 + at // 5000 % 3)).astype("<i2").tobytes()


def plan(
    probabilities: list[float],
    settings: ChunkingSettings,
    blocks: list[int] | None = None,
    channel: int = 0,
    channels: int = 1,
) -> list[Chunk]:
    """Chunks of the whole sound, fed in blocks of so many frames (the last size repeats)."""
    planner = ChunkPlanner(channel, channels, RATE, FRAME, settings)
    pcm, chunks, at, sizes = sound_of(len(probabilities)), [], 0, list(blocks or [])
    size = len(probabilities)
    while at < len(probabilities):
        size = sizes.pop(0) if sizes else size
        end = min(at + size, len(probabilities))
        chunks += planner.accept(pcm[at * FRAME * 2 : end * FRAME * 2], probabilities[at:end])
        at = end
    return chunks + planner.finish()


def speech_of(probabilities: list[float], settings: ChunkingSettings) -> list[tuple[int, int]]:
    """Stretches of speech in samples, by the gate alone."""
    release = min(GateSettings().release, settings.threshold)
    gate = SpeechGate(
        GateSettings(settings.threshold, release, min_silence_ms=settings.min_silence_ms),
        FRAME / RATE,
    )
    events = [event for one in probabilities for event in gate.accept(one)]
    events += gate.flush()
    starts = [event.frame * FRAME for event in events if isinstance(event, Started)]
    ends = [event.frame * FRAME for event in events if isinstance(event, Ended)]
    return list(zip(starts, ends, strict=True))


def spread(pattern: list[tuple[float, int]]) -> list[float]:
    return [probability for probability, frames in pattern for _ in range(frames)]


@untimed
@given(runs, settings_of)
def test_regions_never_overlap_and_grow_with_time(pattern, settings):
    regions = [region for chunk in plan(spread(pattern), settings) for region in chunk.regions]
    assert all(region.start_sample < region.end_sample for region in regions)
    for before, after in pairwise(regions):
        assert before.end_sample <= after.start_sample


# A monologue that reaches its limit in a pause, after which it goes on.
HESITATION = [(0.4, 116), (0.0, 11), (0.4, 1)]


@untimed
@given(runs, settings_of)
@example(HESITATION, ChunkingSettings(1.0, 353, pre_roll_ms=0, post_roll_ms=0, threshold=0.2))
@example(HESITATION, ChunkingSettings(1.0, 353, pre_roll_ms=0, post_roll_ms=200, threshold=0.2))
def test_all_speech_is_in_a_chunk(pattern, settings):
    probabilities = spread(pattern)
    covered = np.zeros(len(probabilities) * FRAME, bool)
    for chunk in plan(probabilities, settings):
        for region in chunk.regions:
            covered[region.start_sample : region.end_sample] = True
    for start, end in speech_of(probabilities, settings):
        assert covered[start:end].all()


@untimed
@given(runs, settings_of)
def test_nothing_but_speech_and_its_surroundings_is_in_a_chunk(pattern, settings):
    probabilities = spread(pattern)
    allowed = np.zeros(len(probabilities) * FRAME, bool)
    for start, end in speech_of(probabilities, settings):
        first = max(0, start - settings.pre_roll_ms * RATE // 1000)
        allowed[first : end + settings.post_roll_ms * RATE // 1000] = True
    for chunk in plan(probabilities, settings):
        for region in chunk.regions:
            assert allowed[region.start_sample : region.end_sample].all()


@untimed
@given(runs, settings_of)
def test_no_chunk_is_longer_than_the_limit_and_one_frame(pattern, settings):
    for chunk in plan(spread(pattern), settings):
        assert chunk.seconds <= settings.chunk_s + FRAME / RATE


@untimed
@given(runs, settings_of, st.lists(st.integers(1, 90), max_size=30))
def test_block_sizes_change_nothing(pattern, settings, blocks):
    probabilities = spread(pattern)
    assert plan(probabilities, settings, blocks) == plan(probabilities, settings)


@untimed
@given(runs, settings_of)
def test_a_chunk_holds_exactly_the_sound_of_its_regions(pattern, settings):
    probabilities = spread(pattern)
    pcm = sound_of(len(probabilities))
    for chunk in plan(probabilities, settings):
        pieces, offset = [], 0
        for region in chunk.regions:
            assert region.offset_samples == offset
            offset += region.samples
            pieces.append(pcm[region.start_sample * 2 : region.end_sample * 2])
        assert chunk.pcm == b"".join(pieces)
        assert chunk.start_sample == chunk.regions[0].start_sample


@untimed
@given(runs, settings_of, st.integers(0, 1))
def test_numbers_are_those_of_the_channel_alone(pattern, settings, channel):
    chunks = plan(spread(pattern), settings, channel=channel, channels=2)
    assert [chunk.number for chunk in chunks] == [channel + 2 * at for at in range(len(chunks))]


def test_short_utterances_share_a_chunk_and_their_pauses_are_left_out():
    settings = ChunkingSettings(chunk_s=30.0)
    pattern = [(0.0, 40), (1.0, 60), (0.0, 100), (1.0, 60), (0.0, 40)]
    [chunk] = plan(spread(pattern), settings)
    assert len(chunk.regions) == 2
    assert chunk.seconds == pytest.approx(2 * (60 * 0.032 + 0.3 + 0.2), abs=0.001)


def test_a_monologue_is_cut_at_its_quietest_place_in_the_second_half():
    settings = ChunkingSettings(chunk_s=4.0, pre_roll_ms=0, post_roll_ms=0)
    loud = np.full(250 * FRAME, 8000, "<i2")
    dip = slice(90 * FRAME, 94 * FRAME)  # 2.9 s: between half and the whole of the limit
    loud[dip] = 10
    planner = ChunkPlanner(0, 1, RATE, FRAME, settings)
    chunks = planner.accept(loud.tobytes(), [1.0] * 250) + planner.finish()
    assert dip.start <= chunks[0].regions[0].end_sample <= dip.stop
    assert chunks[1].start_sample == chunks[0].regions[0].end_sample


def test_a_long_pause_ends_a_chunk_so_that_it_does_not_wait_for_the_end():
    settings = ChunkingSettings(chunk_s=2.0)
    planner = ChunkPlanner(0, 1, RATE, FRAME, settings)
    probabilities = [1.0] * 20 + [0.0] * 100
    assert len(planner.accept(sound_of(120), probabilities)) == 1
    assert planner.held_from_sample == 120 * FRAME


@untimed
@given(runs, settings_of, st.integers(900, 5000))
def test_a_pause_longer_than_a_chunk_never_fills_one(pattern, settings, min_silence_ms):
    settings = replace(settings, min_silence_ms=min_silence_ms)
    probabilities = spread(pattern)
    chunks = plan(probabilities, settings)
    assert all(chunk.seconds <= settings.chunk_s + FRAME / RATE for chunk in chunks)
    covered = np.zeros(len(probabilities) * FRAME, bool)
    for region in (region for chunk in chunks for region in chunk.regions):
        covered[region.start_sample : region.end_sample] = True
    waited_for_ms = min(min_silence_ms, int(900 * settings.chunk_s))
    for start, end in speech_of(probabilities, replace(settings, min_silence_ms=waited_for_ms)):
        assert covered[start:end].all()


def test_no_chunk_comes_of_silence():
    assert plan([0.0] * 500, ChunkingSettings()) == []


def test_memory_does_not_grow_with_the_length():
    def peak(minutes: int) -> int:
        planner = ChunkPlanner(0, 1, RATE, FRAME, ChunkingSettings())
        block = sound_of(31)
        talk, rest = [1.0] * 31, [0.0] * 31
        tracemalloc.start()
        for second in range(60 * minutes):
            planner.accept(block, rest if second % 45 > 40 else talk)
        measured = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return measured

    assert peak(12) <= 1.1 * peak(3)
