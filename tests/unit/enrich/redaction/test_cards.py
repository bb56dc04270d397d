"""Card numbers that nobody has announced."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twicetold.enrich.redaction import Policy, Redactor
from twicetold.enrich.redaction.cards import with_pieces
from twicetold.enrich.redaction.shapes import luhn
from twicetold.enrich.redaction.turns import turn_of
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
        "453215 and then 1128303369",  # each may be a number by itself
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
        ("bank_account", "my account number is 4532151128303369"),
        ("reference", "my order number is um 4532 1511 2830 3369"),
        ("card_number", "my account number is 4532151128303369"),
        ("bank_account", "my account number is 4532 and then 1511 and then 2830 and then 3369"),
    ],
)
def test_what_was_announced_as_something_else_goes_as_that(kind: str, said: str) -> None:
    turns = [Segment(1, 1, 0.0, 1.0, said)]
    [wanted] = Redactor(policy=Policy(frozenset({kind}))).redact(turns).segments
    assert not any(letter.isdigit() for letter in wanted.text)
    assert f"[{kind.upper()}]" in wanted.text


SAID = (
    "six one three six and eight two nine four and zero one three nine and six seven eight nine",
    "37 and 43 and 23 and 21 and 46 and 32 and 28 and 91",
    "thirty eight thirty seven and thirty four forty nine and eighty eight forty three and "
    "twenty three sixty",
    "four five three two and one five one one and two eight three oh and three three six nine",
    "20 and 4532 and 1511 and 2830 and 3369",
    "45 32 and 15 11 and 28 30 and 33 69",
    "45321511 and 28303369",
    "4532 & 1511 & 2830 & 3369",
)


@pytest.mark.parametrize("card", SAID)
@pytest.mark.parametrize("before", ["it is", "here you go", "my order number is", "i paid"])
def test_a_card_in_pieces_is_gone_whatever_its_pieces_look_like(before: str, card: str) -> None:
    turns = [Segment(1, 1, 0.0, 1.0, f"{before} {card} ok")]
    said = set(card.replace("20 and", "").split()) - {"and", "&"}
    [told] = Redactor().redact(turns).segments
    assert not said & set(told.text.split())


@pytest.mark.parametrize(
    "said", ["my security code is 123", "security code one two three", "the code is 4 5 6"]
)
def test_a_security_code_of_three_digits_is_a_cards(said: str) -> None:
    turns = [Segment(1, 1, 0.0, 1.0, said)]
    [wanted] = Redactor(policy=Policy(frozenset({"cvv"}))).redact(turns).segments
    assert wanted.text.endswith("[CVV]")
    [code] = Redactor(policy=Policy(frozenset({"one_time_code"}))).redact(turns).segments
    assert code.text.endswith("[ONE_TIME_CODE]")
    sent = [Segment(1, 1, 0.0, 1.0, "the security code is 445566")]
    [kept] = Redactor(policy=Policy(frozenset({"cvv"}))).redact(sent).segments
    assert kept.text == sent[0].text
