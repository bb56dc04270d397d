"""What engines have learnt survives being stored; a stranger's is nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.live.learnt import Learnt, learnt_by

pytestmark = pytest.mark.unit

PAIRS = st.none() | st.tuples(st.text(max_size=9), st.text(max_size=30))


@given(st.builds(Learnt, PAIRS, PAIRS))
def test_it_comes_back_as_it_was(learnt: Learnt) -> None:
    assert Learnt.from_text(learnt.to_text()) == learnt


@pytest.mark.parametrize(
    "text", ["", "pocketsphinx\n1,2", "[]", "[1, 2]", "{}", "null", '["ab", null]', '[["a"], null]']
)
def test_what_is_no_such_thing_is_nothing(text: str) -> None:
    assert Learnt.from_text(text) == Learnt()


def test_what_one_has_learnt_is_nothing_to_another() -> None:
    assert learnt_by("a", ("a", "x")) == "x"
    assert learnt_by("b", ("a", "x")) is None
    assert learnt_by("a", None) is None
