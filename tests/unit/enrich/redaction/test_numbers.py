"""Spoken numbers as digits; what is counted and what is dictated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.redaction.numbers import is_cardinal, is_spelled_out, value_of
from twicetold.enrich.redaction.runs import runs_of
from twicetold.enrich.redaction.tokens import tokens_of

pytestmark = pytest.mark.unit

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("four one five double five oh", "415550"),
        ("triple seven", "777"),
        ("nineteen eighty four", "1984"),
        ("forty two sixteen", "4216"),
        ("four hundred", "400"),
        ("two thousand and four", "2004"),
        ("two thousand twenty two", "2022"),
        ("one eight hundred five five five", "1800555"),
        ("twenty-two", "22"),
        ("twenty 9", "29"),
        ("415-555-0132", "4155550132"),
        ("(415) 555-0132.", "4155550132"),
        ("4,0,1,2", "4012"),
        ("nought nought seven", "007"),
        ("a b twelve c d e", "AB12CDE"),
        ("QX4471", "QX4471"),
    ],
)
def test_what_is_dictated(said: str, value: str) -> None:
    tokens = tokens_of(said.split())
    [run] = runs_of(tokens)
    assert run.value == value


@pytest.mark.parametrize("said", ["four", "forty two", "two hundred and six", "three thousand"])
def test_cardinals(said: str) -> None:
    assert is_cardinal(tokens_of(said.split()))


@pytest.mark.parametrize("said", ["four two", "nineteen eighty four", "double five", "oh four"])
def test_no_cardinals(said: str) -> None:
    assert not is_cardinal(tokens_of(said.split()))


@given(st.text("0123456789", min_size=3, max_size=16))
def test_digits_that_are_read_out_come_back(digits: str) -> None:
    tokens = tokens_of([NAMES[int(digit)] for digit in digits])
    assert value_of(tokens) == digits
    assert is_spelled_out(tokens)
