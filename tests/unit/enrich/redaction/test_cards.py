"""Card numbers that nobody has announced."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twicetold.enrich.redaction.cards import cards_in
from twicetold.enrich.redaction.shapes import luhn
from twicetold.enrich.redaction.turns import turn_of

pytestmark = pytest.mark.unit

_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def found(text: str) -> list[tuple[int, int, str]]:
    turn = turn_of(0, "customer", text.split())
    return [(mark.first, mark.last, mark.value) for mark in cards_in(turn)]


def pair_of(number: int) -> str:
    if number < 20:
        return _TEENS[number - 10]
    return f"{_TENS[number // 10 - 2]} {_ONES[number % 10]}".strip()


@given(
    pairs=st.lists(st.integers(10, 99), min_size=7, max_size=7),
    joined=st.lists(
        st.sampled_from(["and", "then", "and then", "and um", ", and", "um", ""]),
        min_size=7,
        max_size=7,
    ),
)
def test_pairs_joined_by_anything_that_says_nothing(pairs: list[int], joined: list[str]) -> None:
    pairs[0] = 40 + pairs[0] % 10
    *_, last = (pair for pair in range(10, 100) if luhn("".join(map(str, [*pairs, pair]))))
    pairs = [*pairs, last]
    said = pair_of(pairs[0])
    for join, pair in zip(joined, pairs[1:], strict=True):
        said += f"{join if join.startswith(',') else ' ' + join} {pair_of(pair)}"
    # Otherwise it is one stretch, which is judged by what is asked and by its form elsewhere.
    assume(any("and" in join or "then" in join for join in joined))
    [(first, end, digits)] = found(f"it is {said} yes")
    assert digits == "".join(map(str, pairs))
    assert (first, end) == (2, len(f"it is {said}".split()) - 1)


@pytest.mark.parametrize(
    "text",
    [
        "forty five and thirty two and fifteen and eleven and twenty eight and thirty",
        "forty five and thirty two and fifteen eleven and twenty eight thirty and thirty three six",
        "forty five thirty two we said fifteen eleven twenty eight thirty thirty three sixty nine",
    ],
)
def test_what_is_no_card(text: str) -> None:
    assert found(text) == []
