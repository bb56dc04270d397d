"""Phrases: what they are said as, and that many are found at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.rules.phrases import Kind, PhraseIndex, parse_phrase

pytestmark = pytest.mark.unit


def found(phrase: str, said: str, since: int = 0) -> list[tuple[int, int]]:
    index = PhraseIndex()
    index.add(7, parse_phrase(phrase))
    return [(first, end) for _, first, end in index.find(said.split(), since)]


@pytest.mark.parametrize(
    ("phrase", "said", "at"),
    [
        ("cancel my plan", "please cancel my plan now", [(1, 4)]),
        ("cancel*", "cancelling a cancellation can", [(0, 1), (2, 3)]),
        ("cancel * plan", "cancel the plan cancel plan", [(0, 3)]),
        ("cancel ... plan", "cancel plan", [(0, 2)]),
        ("cancel ... plan", "cancel a b c d e plan", [(0, 7)]),
        ("cancel ... plan", "cancel a b c d e f plan", []),
        ("(stop|put an end to) it", "put an end to it or stop it", [(0, 5), (6, 8)]),
        ("close (my|) account", "close account close my account", [(0, 2), (2, 5)]),
        ("((a|b) c|d)", "a c d", [(0, 2), (2, 3)]),
        ("Re-send, it!", "re send it", [(0, 3)]),
        ("a... b", "a x b", [(0, 3)]),
        ("रद्द* करना", "मुझे रद्द करना है", [(1, 3)]),
        ("فسخ العقد", "أريد فسخ العقد", [(1, 3)]),
    ],
)
def test_a_phrase_is_found(phrase: str, said: str, at: list[tuple[int, int]]) -> None:
    assert found(phrase, said) == at


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("* plan", "begins and ends with a word"),
        ("plan ...", "begins and ends with a word"),
        ("(my|)", "no word"),
        ("(my|your", "not closed"),
        ("my|your", "outside of brackets"),
        ("my) plan", "outside of brackets"),
        ("can*cel", "not at the end"),
        ("c* plan", "nearly any word"),
        ("!?", "no word"),
        (" ".join(["(a|b|c|d)"] * 5), "more than 200"),
        (" ".join(["word"] * 21), "more than 20"),
    ],
)
def test_a_phrase_that_cannot_be_meant_is_refused(phrase: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("*", r"\*")):
        parse_phrase(phrase)


def test_only_what_ends_behind_a_place_is_found() -> None:
    assert found("a b", "a b a b", since=2) == [(2, 4)]
    assert found("a b", "x a b", since=2) == [(1, 3)]


def test_gaps_take_no_time_that_grows_with_their_number() -> None:
    import time

    phrase = " ... ".join(["a"] * 10)
    started = time.process_time()
    assert found(f"{phrase} b", " ".join(["a"] * 300)) == []
    assert time.process_time() - started < 5


words = st.lists(st.sampled_from("abcd"), max_size=12)
elements = st.lists(st.sampled_from(["a", "b", "c", "*", "..."]), max_size=3)


@given(words, elements, st.sampled_from("abc"), st.sampled_from("abc"))
def test_the_index_finds_what_a_search_by_hand_finds(
    said: list[str], middle: list[str], first: str, last: str
) -> None:
    phrase = " ".join([first, *middle, last])
    (pattern,) = parse_phrase(phrase)
    expected = []
    for start in range(len(said)):
        for end in range(start + 1, len(said) + 1):
            if fits(pattern, said[start:end]):
                expected.append((start, end))
                break
    assert found(phrase, " ".join(said)) == expected


def fits(pattern: tuple[tuple[Kind, str], ...], said: list[str]) -> bool:
    """Every way to fill the gaps, tried out."""
    gaps = sum(kind is Kind.GAP for kind, _ in pattern)
    for filled in itertools.product(range(6), repeat=gaps):
        lengths, wanted = iter(filled), []
        for kind, text in pattern:
            wanted += [None] * next(lengths) if kind is Kind.GAP else [text or None]
        if len(wanted) == len(said) and all(
            want in (None, word) for want, word in zip(wanted, said, strict=True)
        ):
            return True
    return False
