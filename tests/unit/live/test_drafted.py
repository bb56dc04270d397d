"""What is known of each call's draft: a gap shows, and nothing is asked for without one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.live.drafted import Drafted
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")


@given(batches=st.lists(st.integers(1, 4), max_size=10))
def test_finals_that_come_one_after_another_lack_nothing(batches: list[int]) -> None:
    drafted, last = Drafted(), 0
    for size in batches:
        events = range(last + 1, last + size + 1)
        last += size
        assert not drafted.lacks(KEY, events, last)
        drafted.note(KEY, last)
    assert not drafted.lacks(KEY, (), last), "expected the end of the call to lack nothing"


@given(first=st.integers(1, 5), gap=st.integers(2, 5))
def test_a_gap_shows_wherever_it_is(first: int, gap: int) -> None:
    drafted = Drafted()
    drafted.note(KEY, first)
    assert drafted.lacks(KEY, (first + gap,), first + gap)
    assert drafted.lacks(KEY, (), first + gap), "expected the end to show it too"
    assert not drafted.lacks(KEY, (first,), first), "expected what is said again to lack nothing"


def test_of_a_call_that_is_taken_up_in_its_middle_nothing_is_known() -> None:
    drafted = Drafted()
    assert drafted.lacks(KEY, (7,), 7)
    drafted.note(KEY, 7)
    assert not drafted.lacks(KEY, (8,), 8)
    drafted.forget(KEY)
    assert drafted.lacks(KEY, (9,), 9)


def test_what_is_known_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twicetold.live.drafted._MOST_KNOWN", 10)
    drafted = Drafted()
    for number in range(100):
        drafted.note(CallKey("acme", str(number)), 1)
    assert len(drafted._last) <= 10
