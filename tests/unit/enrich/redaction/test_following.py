"""A call read utterance by utterance: as when it is read whole, each utterance once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from twicetold.enrich.redaction import Context, Following, Policy, Redactor
from twicetold.enrich.redaction import following as module
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit


def said(number: int, text: str, channel: int = 1) -> Segment:
    words = tuple(
        Word(number * 10 + 0.5 * index, number * 10 + 0.5 * index + 0.4, word, 0.9)
        for index, word in enumerate(text.split())
    )
    return Segment(number, channel, words[0].start, words[-1].end, text, words)


def follow(context: Context | None = None) -> Following:
    return Following(Policy(), context=context, channels=2)


ASKED = said(1, "can i have your phone number please", 0)
PASSWORD = said(1, "what is the password on the account", 0)

CALL = [
    said(1, "thank you for calling what is your name please", 0),
    said(2, "it's kowalski k o w a l s k i", 1),
    said(3, "thank you mister kowalski and a phone number", 0),
    said(4, "four one five five five five", 1),
    said(5, "okay", 0),
    said(6, "zero one nine nine", 1),
    said(7, "and your date of birth", 0),
    said(8, "third of may nineteen eighty", 1),
    said(9, "i see two orders of the ninth", 0),
    said(10, "that's right i bought 3 of them", 1),
    said(11, "so i have four one five five five five zero one nine nine", 0),
    said(12, "yes", 1),
]


def live(call: Sequence[Segment], following: Following) -> dict[int, str]:
    """What is told of each, one by one, what waits with the next; the last without waiting."""
    told: dict[int, str] = {}
    before: list[Segment] = []
    held: list[Segment] = []
    for segment in call:
        held.append(segment)
        decision = following.decide(before, held)
        waiting: set[int] = set()
        for each, choice in zip(list(held), decision.choices, strict=True):
            if each.channel in waiting or (choice.undecided and segment is not call[-1]):
                waiting.add(each.channel)
                continue
            told[each.number] = choice.shown.text
            held.remove(each)
            before.append(each)
    return told


def test_it_comes_to_the_same_as_a_call_that_is_read_whole():
    whole = Redactor("en", tagger=None).redact(CALL).segments
    told = live(CALL, follow())
    # What is said later changes nothing of what was told before.
    assert told == {each.number: each.text for each in whole}


@pytest.mark.parametrize("cut", range(1, len(CALL)))
def test_begun_anew_with_what_was_said_it_goes_on_the_same(cut):
    following = follow()
    following.decide(CALL[:cut], ())
    whole = live(CALL, follow())
    rest = following.decide(CALL[:cut], CALL[cut:]).choices
    shown = {each.number: choice.shown.text for each, choice in zip(CALL[cut:], rest, strict=True)}
    assert shown == {number: whole[number] for number in shown}


def test_each_utterance_is_read_once(monkeypatch):
    read: list[str] = []
    whole = module.read

    def counted(turn, *rest):
        read.append(turn.index)
        return whole(turn, *rest)

    monkeypatch.setattr(module, "read", counted)
    following = follow()
    before: list[Segment] = []
    for number in range(1, 60):
        segment = said(number, "let me have a look at that order for you", number % 2)
        following.decide(before, [segment])
        before = [*before, segment][-40:]
    assert read == list(range(1, 60))


def test_what_waits_is_read_again_and_what_was_told_behind_it_stays_known():
    following = follow()
    held = said(1, "the last bit was four one", 1)
    question = said(2, "and what is the password on the account", 0)
    assert following.decide([], [held]).choices[0].undecided
    second = following.decide([], [held, question])
    assert [choice.undecided for choice in second.choices] == [True, False]
    third = following.decide([question], [held, said(3, "mango tree", 1)])
    assert [choice.shown.text for choice in third.choices] == [held.text, "[PASSWORD]"]
    assert third.through == 3


def test_what_a_successor_goes_on_by_is_of_what_is_decided_alone():
    following = follow()
    held = said(1, "what is the password by the way i waited four one", 0)
    decision = following.decide([], [held])
    assert decision.choices[0].undecided
    assert "password" not in str(Context.from_text(decision.known).asked)
    assert "password" in str(Context.from_text(decision.known_all).asked)


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("what is the password on the account", "mango tree", "PASSWORD"),
        ("can you tell me the security code on the back", "seven one two", "CVV"),
        ("what's your mother's maiden name", "its kowalski", "SECURITY_ANSWER"),
        ("and what is your date of birth", "the third of may nineteen eighty", "DATE_OF_BIRTH"),
    ],
)
def test_a_successor_knows_what_was_asked_and_not_what_was_answered(question, answer, kind):
    known = follow().decide([], [said(1, question, 0)]).known
    [choice] = follow(Context.from_text(known)).decide([], [said(2, answer, 1)]).choices
    assert f"[{kind}]" in choice.shown.text
    after = follow().decide([], [said(1, question, 0), said(2, answer, 1)]).known
    for word in ("mango", "tree", "seven", "kowalski", "may", "nineteen"):
        assert word not in after


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"asked": 1, "last": 2}', "half {"])
def test_a_context_of_another_version_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        Context.from_text(text)


def test_an_utterance_that_ends_in_digits_is_undecided_and_its_end_can_be_masked():
    ending = said(2, "the last bit was four one five")
    [choice] = follow().decide([], [ending]).choices
    assert choice.undecided
    assert choice.masked.text.endswith("[NUMBER]")
    assert "four" not in choice.masked.text
    assert choice.masked.words[-1].end == ending.words[-1].end


def test_what_follows_decides():
    first, second = said(2, "it is four one five"), said(3, "five five five zero one nine nine")
    choices = follow().decide([ASKED], [first, second]).choices
    assert not choices[0].undecided
    for choice in choices:
        for digit in ("four", "five", "zero", "nine"):
            assert digit not in choice.shown.text.split()


def test_what_is_no_number_is_shown_at_once():
    [choice] = follow().decide([ASKED], [said(2, "let me look for it")]).choices
    assert not choice.undecided
    assert choice.shown.text == "let me look for it"
    assert choice.shown.safe


def test_a_kind_that_is_not_wanted_stays():
    answer = said(2, "it is four one five five five five zero one nine nine")
    following = Following(Policy(frozenset({"card_number"})), channels=2)
    [choice] = following.decide([ASKED], [answer]).choices
    assert choice.shown.text == answer.text
    assert choice.shown.safe


def test_an_utterance_waits_while_the_next_is_open_from_its_beginning():
    held = [said(2, "four one"), said(3, "five five"), said(4, "oh one")]
    choices = follow().decide([], held).choices
    assert [choice.undecided for choice in choices] in ([True] * 3, [False] * 3)
    assert all(choice.undecided or "[" in choice.shown.text for choice in choices)


def test_words_without_length_are_masked_with_the_end_that_they_belong_to():
    times = [(2.0, 2.4), (2.5, 2.5), (2.5, 2.5), (2.5, 2.5)]
    words = tuple(
        Word(*at, text) for at, text in zip(times, ["bit", "four", "one", "five"], strict=True)
    )
    [choice] = follow().decide([], [Segment(1, 1, 2.0, 2.5, "bit four one five", words)]).choices
    assert not {"four", "one", "five"} & set(choice.masked.text.split())


def test_partials_show_no_digit_and_nothing_that_was_found_before():
    following = follow()
    question, answer = said(1, "can you spell your name", 0), said(2, "k o w a l s k i", 1)
    following.decide([], [question, answer])
    shown = following.mask(said(3, "it is kowalski four one five", 0).words, 0)
    assert [word.text for word in shown] == ["it", "is", *["****"] * 4]
    assert following.mask((), 0) == ()


def test_partials_hide_what_was_asked_for_by_an_utterance_that_is_still_held():
    following = follow()
    following.decide([], [said(1, "four one and what is your mother's maiden name", 0)])
    shown = following.mask(said(2, "it's kowalski", 1).words, 1)
    assert [word.text for word in shown] == ["it's", "****"]


def test_what_is_remembered_does_not_grow():
    following = follow()
    for number, digits in zip(
        range(1, 301), itertools.product("123456789", repeat=4), strict=False
    ):
        asked = said(2 * number, "what is your pin", 0)
        answer = said(2 * number + 1, f"it's {' '.join(digits)}", 1)
        following.decide([], [asked, answer])
    known = following._said
    assert len(known.turns) <= module._MOST_MARKED + module._MOST_RECENT
    assert len(known.marks) <= 2 * module._MOST_MARKED
