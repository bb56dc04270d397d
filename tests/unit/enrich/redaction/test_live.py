"""What the live pass holds back, and what it hides in partials."""

from __future__ import annotations

import pytest
from tests.unit.enrich.redaction.calls import call, segment

from twicetold.enrich.redaction import Context, Redactor, masked, undecided_from

pytestmark = pytest.mark.unit


def after(*turns: str) -> Context:
    return Redactor().redact(call(*turns)).context


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("how are you today", None),
        ("okay so it's four four two", "four"),
        ("it costs forty dollars", None),
        ("write to j dot doe at", "j"),
        ("it was forty two garden", "forty"),
        ("my number is", None),
        ("um four one okay", "four"),
    ],
)
def test_from_where_a_turn_is_undecided(said: str, held: str | None) -> None:
    place = undecided_from(segment(said), Context())
    assert (None if place is None else said.split()[place]) == held


def test_what_goes_anyway_need_not_wait() -> None:
    context = after("a: what is your pin")
    assert undecided_from(segment("four four two one", 1), context) is None


def test_partials_show_no_digits_and_no_letters() -> None:
    shown = masked(segment("hi it's four one 55 and j o and jane@example.com thanks"), Context())
    assert shown.text == "hi it's **** **** **** and **** **** and **** thanks"


def test_partials_hide_what_was_asked_for() -> None:
    context = after("a: what is your mother's maiden name")
    assert masked(segment("it's kowalski", 1), context).text == "it's ****"
    assert masked(segment("it's kowalski", 1), Context()).text == "it's kowalski"


def test_looking_at_a_turn_changes_nothing() -> None:
    context = after("a: what is your pin")
    before = context.to_dict()
    undecided_from(segment("four four", 1), context)
    masked(segment("four four", 1), context)
    assert context.to_dict() == before


@pytest.mark.parametrize(
    "said", ["card:4242424242424242", "4:242", "№4242", "4…2", "42+42", "5%", "½", "٤:٢٤٢", "x=4"]
)
def test_partials_show_no_digit_whatever_stands_around_it(said: str) -> None:
    assert masked(segment(f"it is {said}"), Context()).text == "it is ****"
