"""Questions in words that no list has, and the short turns that answer them."""

from __future__ import annotations

import pytest
from tests.unit.enrich.redaction.calls import call

from twicetold.enrich.redaction import Redactor
from twicetold.enrich.redaction.questions import kinds_asked

pytestmark = pytest.mark.unit


def shown(*turns: str) -> list[str]:
    return [segment.text for segment in Redactor(tagger=None).redact(call(*turns)).segments]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("which alias do you sign yourself in with on there", "username"),
        ("whereabouts is the driver coming to", "address"),
        ("and how do we get in the gate", "pin"),
        ("what are the wee digits on the back of it", "cvv"),
        ("until when is it valid then", "card_expiry"),
        ("which year was she born", "date_of_birth"),
        ("and where did you go to primary", "security_answer"),
        ("what tyre size is it", ""),
    ],
)
def test_a_kind_is_known_by_stems(said: str, kind: str) -> None:
    assert kinds_asked(said.split())[:1] == [kind]


@pytest.mark.parametrize(
    "said", ["my question is how long it takes", "in other words it works", "hello there"]
)
def test_other_talk_asks_for_nothing(said: str) -> None:
    assert kinds_asked(said.split()) == []


@pytest.mark.parametrize(
    ("asked", "answered", "left"),
    [
        ("a: who taught you in year six", "c: missus okonkwo", "[SECURITY_ANSWER]"),
        ("a: the signature strip number", "c: for one too", "[CVV]"),
        ("a: and when's it expire", "c: october next year", "[CARD_EXPIRY]"),
        ("a: what's your username", "c: try it now", "try it now"),
        ("a: what's your address", "c: delivery is 4 to 6", "delivery is 4 to 6"),
    ],
)
def test_a_short_turn_is_the_answer(asked: str, answered: str, left: str) -> None:
    assert shown(asked, answered)[1] == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("c: it was bluebird seven seven exclamation mark", "it was [PASSWORD]"),
        ("c: ring 312.555.0109 thanks", "ring [PHONE] thanks"),
        ("c: my husband was born 4-17-81", "my husband was born [DATE_OF_BIRTH]"),
        ("c: i turned fifty on the ninth of may", "i turned fifty on [DATE_OF_BIRTH]"),
        ("c: the tyres are two oh five fifty five r sixteen", None),
        ("c: seven fourteen twenty one twenty eight", None),
    ],
)
def test_by_form(said: str, left: str | None) -> None:
    assert shown(said)[0] == (said[3:] if left is None else left)
