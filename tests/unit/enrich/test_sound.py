"""Sound without what was removed: covered where it must be, untouched elsewhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.enrich.sound import Cover, merged, spans_to_cover
from twicetold.enrich.steps import Facts
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

RATE = 8000
FACTS = Facts("en", 60.0, 1, time_error_s=0.25)


def noise(samples: int, channels: int = 1) -> np.ndarray:
    loud = np.random.default_rng(7).integers(9_000, 12_000, (samples, channels))
    return loud.astype("<i2")


def covered(pcm: np.ndarray, spans: list[tuple[float, float]], sound: str, pieces: list[int]):
    cover, out, at = Cover(RATE, pcm.shape[1], spans, sound), b"", 0
    for size in [*pieces, len(pcm)]:
        piece = pcm[at : at + size]
        at += len(piece)
        out += cover.cover(piece.tobytes())
    return np.frombuffer(out, "<i2").reshape(-1, pcm.shape[1])


@given(
    st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.3)), max_size=6),
    st.lists(st.integers(1, 900), max_size=12),
    st.sampled_from(["beep", "silence"]),
    st.integers(1, 2),
)
@settings(max_examples=60, deadline=None)
def test_nothing_of_a_span_is_left_and_nothing_else_is_touched(begun, pieces, sound, channels):
    spans = merged((start, start + length) for start, length in begun)
    pcm = noise(5_000, channels)
    heard = covered(pcm, spans, sound, pieces)
    inside = np.zeros(len(pcm), bool)
    for start, end in spans:
        inside[int(start * RATE) : int(np.ceil(end * RATE))] = True
    assert heard.shape == pcm.shape
    assert np.array_equal(heard[~inside], pcm[~inside])
    assert np.all(np.abs(heard[inside]) < 3_000)


def test_pieces_make_no_difference():
    pcm, spans = noise(RATE, 2), [(0.1, 0.3), (0.31, 0.55)]
    whole = covered(pcm, spans, "beep", [])
    assert np.array_equal(whole, covered(pcm, spans, "beep", [1, 7, 800, 801, 1600, 3]))
    assert np.abs(whole[int(0.15 * RATE) : int(0.25 * RATE)]).max() > 1_000


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 2)), max_size=9))
def test_merged_spans_are_apart_by_time_and_cover_the_same(begun):
    spans = [(start, start + length) for start, length in begun]
    together = merged(spans)
    assert all(one[1] < other[0] for one, other in pairwise(together))
    for start, end in spans:
        assert any(first <= start and end <= last for first, last in together)
    assert {edge for span in together for edge in span} <= {e for span in spans for e in span}


def test_spans_are_wider_than_what_the_engine_may_err():
    removed = [{"kind": "phone", "start": 4.0, "end": 5.0, "channel": 0}]
    [(start, end)] = spans_to_cover(removed, [], FACTS)
    assert start < 4.0 - FACTS.time_error_s
    assert end > 5.0 + FACTS.time_error_s
    assert end - start < 1.6  # other speech stands beside it
    early = [{"kind": "phone", "start": 0.1, "end": 5.0, "channel": 0}]
    assert spans_to_cover(early, [], FACTS) == [(0.0, end)]


def test_without_word_times_the_whole_segment_is_covered():
    segments = [Segment(1, 0, 2.0, 9.0, "a [PHONE] b"), Segment(2, 1, 1.0, 30.0, "other channel")]
    removed = [{"kind": "phone", "start": 4.0, "end": 5.0, "channel": 0}]
    facts = Facts("en", 60.0, 2, time_error_s=0.25, word_times=False)
    [(start, end)] = spans_to_cover(removed, segments, facts)
    assert 1.5 < start < 1.75
    assert 9.25 < end < 9.5
