"""Seconds of computing survive being stored, and only grow; a stranger's text is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.speech.computed import Computed, is_computed

pytestmark = pytest.mark.unit

SECONDS = st.dictionaries(st.text(max_size=9), st.floats(1e-3, 1e6), max_size=4)


@given(SECONDS)
def test_it_comes_back_to_the_microsecond(seconds: dict[str, float]) -> None:
    kept = Computed.from_text(Computed(seconds).to_text()).seconds
    assert kept == pytest.approx(seconds, abs=1e-6)
    assert is_computed(kept)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(-1.0, 1e3)), max_size=9))
def test_each_has_the_sum_of_what_was_added(added: list[tuple[str, float]]) -> None:
    computed = Computed()
    for label, seconds in added:
        computed.add(label, seconds)
    for label in "ab":
        whole = sum(seconds for its, seconds in added if its == label and seconds > 0.0)
        assert computed.seconds.get(label, 0.0) == pytest.approx(whole, abs=1e-6)


def test_where_nothing_was_computed_nothing_is_kept() -> None:
    computed = Computed()
    computed.add("remote", 0.0)
    assert (computed.seconds, computed.to_text()) == ({}, "")


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "3", '{"a": "1"}', '{"a": -1}', '{"a": NaN}', '{"a": true}', "[" * 200_000],
)
def test_what_is_no_such_thing_is_nothing(text: str) -> None:
    assert Computed.from_text(text).seconds == {}
