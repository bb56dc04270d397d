"""Diarization errors: miss, false alarm and confusion in seconds, under the best mapping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.speech.diarization_error import DiarizationErrors, diarization_errors
from twicetold.speech.turns import Turn, read_rttm, write_rttm

pytestmark = pytest.mark.unit

TIMES = st.integers(0, 100).map(lambda tenth: tenth / 10)


@st.composite
def some_turns(draw: st.DrawFn, names: str = "abcd") -> list[Turn]:
    bounds = st.tuples(TIMES, TIMES, st.sampled_from(names))
    drawn = draw(st.lists(bounds, max_size=8))
    return [Turn(min(a, b), max(a, b), name) for a, b, name in drawn]


def seconds(errors: DiarizationErrors) -> tuple[float, float, float, float]:
    found = errors.missed, errors.false_alarm, errors.confused, errors.reference
    return tuple(round(each, 6) for each in found)  # type: ignore[return-value]


def test_names_do_not_matter():
    said = [Turn(0, 4, "a"), Turn(5, 9, "b")]
    assert diarization_errors(said, [Turn(0, 4, "2"), Turn(5, 9, "1")]).rate == 0


def test_each_kind_of_error():
    said = [Turn(0, 10, "a"), Turn(10, 20, "b")]
    heard = [Turn(1, 12, "x"), Turn(12, 21, "y")]  # 1 s missed, 2 s of b called x, 1 s too long
    assert seconds(diarization_errors(said, heard)) == (1, 1, 2, 20)
    assert diarization_errors(said, heard).rate == pytest.approx(4 / 20)


def test_overlap_counts_for_each_speaker():
    said = [Turn(0, 10, "a"), Turn(8, 12, "b")]
    assert seconds(diarization_errors(said, [Turn(0, 12, "x")])) == (2, 0, 2, 14)


def test_the_mapping_is_one_to_one():
    """Who is split in two is confused for the smaller part."""
    heard = [Turn(0, 6, "x"), Turn(6, 10, "y")]
    assert seconds(diarization_errors([Turn(0, 10, "a")], heard)) == (0, 0, 4, 10)


def test_a_collar_forgives_around_bounds_of_the_reference():
    said, heard = [Turn(1, 5, "a")], [Turn(0.8, 5.5, "x")]
    assert seconds(diarization_errors(said, heard)) == (0, 0.7, 0, 4)
    assert seconds(diarization_errors(said, heard, collar_s=0.25)) == (0, 0.25, 0, 3.5)


def test_a_speaker_who_overlaps_themself_counts_once():
    said = [Turn(0, 5, "a"), Turn(4, 8, "a")]
    assert seconds(diarization_errors(said, [Turn(0, 8, "x")])) == (0, 0, 0, 8)


def test_nothing_said():
    assert diarization_errors([], []).rate == 0
    assert diarization_errors([], [Turn(0, 1, "x")]).rate == float("inf")
    assert diarization_errors([Turn(0, 1, "a")], []).rate == 1


@given(some_turns())
def test_what_is_right_has_no_errors(turns: list[Turn]):
    errors = diarization_errors(turns, turns)
    assert errors.missed + errors.false_alarm + errors.confused == pytest.approx(0)


@given(some_turns(), some_turns("xyz"))
def test_errors_add_up(said: list[Turn], heard: list[Turn]):
    errors, turned = diarization_errors(said, heard), diarization_errors(heard, said)
    assert errors.reference - errors.missed == pytest.approx(turned.reference - turned.missed)
    assert errors.confused == pytest.approx(turned.confused)
    assert errors.missed == pytest.approx(turned.false_alarm)
    assert 0 <= errors.confused <= errors.reference + 1e-9


@given(some_turns())
def test_rttm_there_and_back(turns: list[Turn]):
    read = read_rttm(write_rttm(turns, "call"))
    told = [(round(t.start, 3), round(t.end, 3), t.speaker) for t in read]
    assert sorted(told) == sorted((t.start, t.end, t.speaker) for t in turns)


def test_rttm_passes_over_other_lines_and_names_the_bad_one():
    good = (
        "SPKR-INFO a 1 <NA> <NA> <NA> unknown b <NA>\n\nSPEAKER a 1 1.5 2 <NA> <NA> b <NA> <NA>\n"
    )
    assert read_rttm(good) == [Turn(1.5, 3.5, "b")]
    with pytest.raises(ValueError, match="line 4"):
        read_rttm(good + "SPEAKER a 1 one 2 <NA> <NA> b\n")
