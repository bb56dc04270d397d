"""What was told as settled stays told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.live.stabilizer import before_cut, kept, to_tell
from twicetold.speech.transcript import Hypothesis, Word

pytestmark = pytest.mark.unit


def words(text: str, *, every_s: float = 0.5, moved_s: float = 0.0) -> tuple[Word, ...]:
    return tuple(
        Word(at * every_s + moved_s, at * every_s + moved_s + 0.4, each)
        for at, each in enumerate(text.split())
    )


TEXTS = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


def test_words_are_told_once_they_are_settled_and_no_cut_can_take_them() -> None:
    heard = words("a b c d e")
    assert to_tell((), heard, 3, 10.0) == heard[:3]
    assert to_tell((), heard, 3, 1.0) == heard[:2]  # the third's middle lies at 1.2 s
    assert to_tell((), heard, 0, 10.0) == ()
    assert to_tell(heard[:4], heard, 1, 0.0) == heard[:4]


def test_the_same_words_again_keep_the_times_that_were_told() -> None:
    told = words("a b")
    heard = words("a b c", moved_s=0.1)
    assert kept(told, Hypothesis(heard)) == told + heard[2:]


def test_other_words_in_their_place_are_left_out() -> None:
    told = words("a b")
    assert kept(told, Hypothesis(words("x b c d"))) == told + words("x b c d")[2:]
    assert kept(told, Hypothesis(words("a"))) == told
    assert kept(told, Hypothesis()) == told
    assert kept((), Hypothesis(words("x"))) == words("x")


@given(heard=st.lists(st.tuples(TEXTS, st.integers(0, 12), st.floats(0, 8)), min_size=1))
def test_what_is_told_is_never_taken_back_whatever_an_engine_says(
    heard: list[tuple[str, int, float]],
) -> None:
    told: tuple[Word, ...] = ()
    for text, settled, second in heard:
        shown = kept(told, Hypothesis(words(text), settled=settled))
        now = to_tell(told, shown, settled, second)
        assert shown[: len(now)] == now
        assert now[: len(told)] == told
        assert [word.start for word in shown] == sorted(word.start for word in shown)
        told = now
    # Each of its words was before the place of any cut that was still to come when it was told.
    assert before_cut(told, max(second for _, _, second in heard)) == told
