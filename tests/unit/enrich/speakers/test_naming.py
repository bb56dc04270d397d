"""Names of speakers, and how many there are said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.speakers.gmm.clustering import _joints_within_voices
from twicetold.enrich.speakers.naming import named
from twicetold.speech.diarization_error import diarization_errors
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

TIMES = st.integers(0, 100).map(lambda tenth: tenth / 10)


def test_speakers_are_numbered_as_they_are_first_heard():
    turns = [Turn(5, 6, "b"), Turn(0, 2, "z"), Turn(2, 4, "b")]
    assert named(turns) == [Turn(0, 2, "1"), Turn(2, 4, "2"), Turn(5, 6, "2")]


def test_turns_that_touch_are_one_and_other_speakers_between_them_do_not_part_them():
    turns = [Turn(0, 2, "a"), Turn(1, 3, "b"), Turn(2.01, 4, "a"), Turn(3.5, 5, "b")]
    assert named(turns) == [Turn(0, 4, "1"), Turn(1, 3, "2"), Turn(3.5, 5, "2")]


@given(st.lists(st.tuples(TIMES, TIMES, st.sampled_from("abc")), max_size=10))
def test_naming_changes_nothing_else(drawn: list[tuple[float, float, str]]):
    turns = [Turn(min(a, b), max(a, b), who) for a, b, who in drawn]
    found = named(turns)
    assert diarization_errors(turns, found).rate == pytest.approx(0)
    assert [turn.start for turn in found] == sorted(turn.start for turn in found)


@pytest.mark.parametrize(("differences", "speakers"), [
    ([0.7, 0.9, 1.1, 1.2, 4.7], 2),
    ([0.7, 0.9, 1.1, 3.1, 4.6], 3),  # the first jump is the greater one
    ([2.4, 2.6, 2.9, 3.5, 9.6], 2),  # of the same sentences again and again
    ([0.5, 0.7, 0.9, 1.1, 1.3], 1),
    ([2.7, 2.9, 3.3, 3.5, 4.1], 1),  # nothing stands out
    ([0.9], 1),
    ([], 1),
])  # fmt: skip
def test_how_many_voices_the_joints_tell_of(differences: list[float], speakers: int):
    made = _joints_within_voices([(each, 2_000.0) for each in differences])
    assert len(differences) + 1 - made == speakers


def test_a_voice_that_is_heard_for_long_must_differ_more():
    moods = [0.5, 0.9, 1.1, 3.9]
    assert _joints_within_voices([(each, 2_000.0) for each in moods]) == 3
    assert _joints_within_voices([(each, 20_000.0) for each in moods]) == 4


def test_there_are_no_more_than_eight():
    differences = [(1.0, 2_000.0)] * 2 + [(5.0, 2_000.0)] * 10  # eleven voices stand out
    assert len(differences) + 1 - _joints_within_voices(differences) == 8
