"""Redaction as a stage and as the live pass asks it: fails closed, holds back, withholds."""

from __future__ import annotations

import pytest

from twicetold.enrich.redacting import Redact, choose, mask
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


def test_an_utterance_that_ends_in_digits_is_undecided_and_its_end_can_be_masked():
    ending = said("the last bit was four one five", 2)
    [choice], _ = choose("en", Policy(), [], [ending])
    assert choice.undecided
    assert choice.masked.text.endswith("[NUMBER]")
    assert "four" not in choice.masked.text
    assert choice.masked.words[-1].end == ending.words[-1].end


def test_what_follows_decides():
    first, second = said("it is four one five", 2), said("five five five zero one nine nine", 3)
    choices, _ = choose("en", Policy(), [ASKED], [first, second])
    assert not choices[0].undecided
    for choice in choices:
        for digit in ("four", "five", "zero", "nine"):
            assert digit not in choice.shown.text.split()


def test_what_is_no_number_is_shown_at_once():
    [choice], _ = choose("en", Policy(), [ASKED], [said("let me look for it", 2)])
    assert not choice.undecided
    assert choice.shown.text == "let me look for it"
    assert choice.shown.safe


def test_partials_show_no_digit_and_none_in_another_language():
    words = said("it is four one five", 2).words
    _, context = choose("en", Policy(), [], [ASKED])
    shown = mask("en", words, context, 1)
    assert [word.text for word in shown][:2] == ["it", "is"]
    assert not {"four", "one", "five"} & {word.text for word in shown}
    assert mask("de", words, context, 1) == ()


def test_in_another_language_nothing_is_shown():
    [choice], _ = choose("de", Policy(), [], [said("meine nummer ist vier", 2)])
    assert (choice.shown.text, choice.undecided) == ("[WITHHELD]", False)
    [empty], _ = choose("de", Policy(), [], [Segment(1, 0, 0.0, 1.0, "", ())])
    assert empty.shown.text == ""


def test_silence_in_no_known_language_is_no_trouble():
    known = Redact(Policy()).apply(Known(()), Facts("auto", 12.0, 1))
    assert known.insights["removed"] == []


def test_an_utterance_waits_while_the_next_is_open_from_its_beginning(monkeypatch):
    # By the rules alone: what the tagger takes of six digits is a matter of its weights.
    monkeypatch.setattr("twicetold.enrich.redaction.redactor.shipped", lambda: None)
    held = [said("four one", 2), said("five five", 3), said("oh one", 4)]
    choices, _ = choose("en", Policy(), [], held)
    assert [choice.undecided for choice in choices] in ([True] * 3, [False] * 3)
    assert all(choice.undecided or "[" in choice.shown.text for choice in choices)


def test_words_without_length_are_masked_with_the_end_that_they_belong_to():
    times = [(2.0, 2.4), (2.5, 2.5), (2.5, 2.5), (2.5, 2.5)]
    words = tuple(
        Word(*at, text) for at, text in zip(times, ["bit", "four", "one", "five"], strict=True)
    )
    [choice], _ = choose("en", Policy(), [], [Segment(1, 1, 2.0, 2.5, "bit four one five", words)])
    assert not {"four", "one", "five"} & set(choice.masked.text.split())
