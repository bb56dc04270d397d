"""Card numbers that nobody has announced."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twicetold.enrich.redaction import Policy, Redactor
from twicetold.enrich.redaction.cards import with_pieces
from twicetold.enrich.redaction.shapes import luhn
from twicetold.enrich.redaction.turns import Mark, turn_of
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def found(text: str) -> list[tuple[int, int, str]]:
    turn = turn_of(0, "customer", text.split())
    return [(mark.first, mark.last, mark.value) for mark in with_pieces(turn, [])]


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
    # Of fewer pieces each is judged by what is asked, and by its form, elsewhere.
    assume(sum("and" in join or "then" in join for join in joined) >= 2)
    [(first, end, digits)] = found(f"it is {said} yes")
    assert digits == "".join(map(str, pairs))
    assert (first, end) == (2, len(f"it is {said}".split()) - 1)


@pytest.mark.parametrize(
    "text",
    [
        "forty five and thirty two and fifteen and eleven and twenty eight and thirty",
        "forty five thirty two we said fifteen eleven twenty eight thirty thirty three sixty nine",
        "4532 1511 and then 28303369",  # each may be a number by itself
        "4 and 53 and 21 and 51 and 12 and 83 and 03 and 36 and 9",
    ],
)
def test_what_is_no_card(text: str) -> None:
    assert found(text) == []


def test_lists_of_amounts_are_seldom_taken_for_cards() -> None:
    chance = random.Random(27)
    lists = [
        " and ".join(str(chance.randint(1, 99)) for _ in range(chance.randint(6, 14)))
        for _ in range(1_000)
    ]
    assert sum(bool(found(f"the scores were {each} in all")) for each in lists) <= 10


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("bank_account", "my routing number is 304757028 and then 7044862"),
        ("phone", "my phone number is 2557969 and 2166238"),
        ("reference", "my order number is 5117231 and 3731676"),
        ("bank_account", "my account number is 4532 and then 1511 and then 2830 and then 3369"),
    ],
)
def test_what_was_announced_as_something_else_goes_as_that(kind: str, said: str) -> None:
    turns = [Segment(1, 1, 0.0, 1.0, said)]
    [wanted] = Redactor(policy=Policy(frozenset({kind}))).redact(turns).segments
    assert not any(letter.isdigit() for letter in wanted.text)
    assert f"[{kind.upper()}]" in wanted.text


def test_pieces_that_were_taken_for_something_else_go_where_cards_go() -> None:
    said = "forty five and thirty two and fifteen eleven and twenty eight thirty and 3369"
    turn = turn_of(0, "customer", said.split())
    known = Mark(0, 0, 1, "bank_account", "45")
    marks = with_pieces(turn, [known])
    assert marks[0] == replace(known, also="card_number")
    assert [each.value for each in marks[1:]] == ["32", "1511", "2830", "3369"]
    assert {(each.kind, each.also) for each in marks} == {("bank_account", "card_number")}
