"""Redaction as a stage and as the live pass asks it: fails closed, holds back, withholds."""

from __future__ import annotations

import pytest

from twicetold.enrich.redacting import Redact, withheld
from twicetold.enrich.redaction import Policy
from twicetold.enrich.steps import Facts, Known
from twicetold.errors import RedactionUnavailable
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

FACTS = Facts("en", 60.0, 2)


def said(text: str, number: int = 1, channel: int = 1) -> Segment:
    words = tuple(
        Word(number * 10 + 0.5 * index, number * 10 + 0.5 * index + 0.4, word, 0.9)
        for index, word in enumerate(text.split())
    )
    return Segment(number, channel, words[0].start, words[-1].end, text, words)


ASKED = said("can i have your phone number please", 1, 0)


def test_the_stage_removes_and_tells_what_without_its_value():
    answer = said("it is four one five five five five zero one nine nine", 2)
    known = Redact(Policy()).apply(Known((ASKED, answer)), FACTS)
    assert [each.text for each in known.segments] == [ASKED.text, "it is [PHONE]"]
    assert all(each.safe for each in known.segments)
    [removed] = known.insights["removed"]
    first, last = answer.words[2], answer.words[-1]
    assert removed == {
        "kind": "phone",
        "start": first.start,
        "end": last.end,
        "channel": 1,
        "speaker": None,
    }
    assert known.insights["removed_counts"] == {"phone": 1}


def test_a_kind_that_is_not_wanted_stays():
    answer = said("it is four one five five five five zero one nine nine", 2)
    policy = Policy(frozenset({"card_number"}))
    known = Redact(policy).apply(Known((ASKED, answer)), FACTS)
    assert known.segments[1].text == answer.text
    assert known.segments[1].safe


def test_pseudonyms_are_a_tenants_own_and_the_settings_tell_them_apart():
    answer = said("it is four one five five five five zero one nine nine", 2)
    again = said("it is 415 555 0199", 2)
    steps = [Redact(Policy(style="pseudonym", key=key)) for key in (b"hush one", b"hush two")]
    told = [
        step.apply(Known((ASKED, words)), FACTS).segments[1].text
        for step in steps
        for words in (answer, again)
    ]
    assert told[0] == told[1] != told[2] == told[3]
    assert steps[0].settings != steps[1].settings
    assert "hush" not in steps[0].settings


@pytest.mark.parametrize("language", ["de", "auto", "mul", "hi-IN"])
def test_a_language_without_recognisers_is_refused(language):
    with pytest.raises(RedactionUnavailable) as caught:
        Redact(Policy()).apply(Known((ASKED,)), Facts(language, 60.0, 2))
    assert caught.value.code == "redaction_unavailable"
    assert not caught.value.retryable


def test_silence_in_no_known_language_is_no_trouble():
    known = Redact(Policy()).apply(Known(()), Facts("auto", 12.0, 1))
    assert known.insights["removed"] == []


def test_nothing_is_left_of_an_utterance_that_is_withheld():
    choice = withheld(said("meine nummer ist vier", 2))
    assert (choice.shown.text, choice.undecided) == ("[WITHHELD]", False)
    assert [word.text for word in choice.shown.words] == ["[WITHHELD]"]
    assert choice.shown.safe
    assert withheld(Segment(1, 0, 0.0, 1.0, "", ())).shown.text == ""
