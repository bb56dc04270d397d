"""Channels apart, one voice where both are the same sound, and independence of the pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.batch.doubles import interleaved

from twicetold.batch.chunking import Chunk, ChunkingSettings
from twicetold.batch.listening import Listener
from twicetold.engines.counter import ToneActivity, render
from twicetold.errors import UnsupportedRate

pytestmark = pytest.mark.unit

RATE = 8000
CHUNKING = ChunkingSettings(chunk_s=5.0)
AGENT = render(0, 40, RATE)
CALLER = bytes(2 * 9000) + render(500, 40, RATE, group=5, pause_s=1.1)


def hear(pcm: bytes, channels: int, sizes: list[int] | None = None) -> tuple[list[Chunk], Listener]:
    listener = Listener(ToneActivity(), RATE, channels, CHUNKING)
    chunks: list[Chunk] = []
    at, sizes = 0, list(sizes or [])
    while at < len(pcm):
        size = (sizes.pop(0) if sizes else RATE) * 2 * channels
        chunks += listener.hear(pcm[at : at + size])
        at += size
    chunks += listener.finish()
    return sorted(chunks, key=lambda chunk: chunk.number), listener


def test_channels_are_chunked_apart():
    chunks, listener = hear(interleaved(AGENT, CALLER), 2)
    alone, _ = hear(AGENT, 1)
    mine = [chunk for chunk in chunks if chunk.channel == 0]
    assert [chunk.pcm for chunk in mine] == [chunk.pcm for chunk in alone]
    assert any(chunk.channel == 1 for chunk in chunks)
    assert listener.voices == 2


def test_two_channels_that_are_the_same_sound_are_one():
    chunks, listener = hear(interleaved(AGENT, AGENT), 2)
    assert {chunk.channel for chunk in chunks} == {0}
    assert listener.voices == 1


def test_silence_on_both_channels_is_no_sameness():
    _, listener = hear(bytes(4 * 5 * RATE), 2)
    assert listener.voices == 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 20_000), max_size=8))
def test_pieces_change_nothing(sizes):
    pcm = interleaved(AGENT, CALLER)
    assert hear(pcm, 2, sizes)[0] == hear(pcm, 2)[0]


def test_the_last_word_is_heard_where_sound_ends_within_a_frame():
    cut_off = AGENT[: len(AGENT) - 2 * round(0.8 * RATE)]  # right behind the last burst
    chunks, listener = hear(cut_off + bytes(2 * 7), 1)
    samples = len(cut_off) // 2 + 7
    assert chunks[-1].regions[-1].end_sample <= samples
    assert listener.heard_s == samples / RATE


def test_a_rate_that_the_detector_does_not_take_is_refused():
    with pytest.raises(UnsupportedRate):
        Listener(ToneActivity(), 44_100, 1, CHUNKING)
