"""Marked texts as a poor recogniser hears them: other words, the same marks."""

import json
import random

import pytest
from benchmarks.redaction_sets.read import parse
from scripts.redaction_mishearing import misheard, misheard_call

pytestmark = pytest.mark.unit

_SAID = "my number is {phone: four one five double five five} um {phone+: oh one nine nine} okay"
_CALL = {
    "id": "x",
    "style": "cased",
    "turns": [
        {"who": "agent", "text": "And your PIN?"},
        {"who": "customer", "text": "It's {secret: 4921}."},
    ],
}


def test_marks_stay_around_what_they_were_around() -> None:
    for seed in range(50):
        heard = misheard(_SAID, random.Random(seed))
        assert heard.count("{phone: ") == heard.count("{phone+: ") == 1
        assert heard.count("}") == 2
        assert len(heard.partition("{phone: ")[2].partition("}")[0].split()) >= 6


def test_of_what_is_marked_more_is_misheard() -> None:
    marked = other = 0
    for seed in range(300):
        heard = misheard("seven seven seven {pin: seven seven seven}", random.Random(seed))
        before, _, after = heard.partition("{pin: ")
        other += 3 - before.split().count("seven")
        marked += 3 - after.rstrip("}").split().count("seven")
    assert 0.2 < marked / 900 < 0.4
    assert other < marked / 2


def test_a_call_is_misheard_always_in_the_same_way() -> None:
    once = misheard_call(_CALL)
    assert once == misheard_call(_CALL)
    assert [turn["who"] for turn in once["turns"]] == ["agent", "customer"]
    [dialogue] = parse([json.dumps(once)])
    assert [mark.kind for turn in dialogue.turns for mark in turn.marks] == ["secret"]
    text = " ".join(turn["text"] for turn in once["turns"])
    assert text == text.lower()
    assert "4921" not in text
