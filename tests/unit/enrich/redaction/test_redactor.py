"""Segments in, segments without personal data out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.enrich.redaction.calls import call, segment

from twicetold.enrich.redaction import KINDS, Context, Policy, Redactor, checked_policy
from twicetold.enrich.redaction.turns import Mark, Turn
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit

REDACTOR = Redactor()
NAMES = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def texts(*turns: str, policy: Policy | None = None) -> list[str]:
    return [s.text for s in Redactor("en", policy).redact(call(*turns)).segments]


def test_one_word_stands_for_one_datum() -> None:
    given = segment("my number is four one five um five five five oh one three two thanks")
    [redacted] = REDACTOR.redact([given]).segments
    assert redacted.text == "my number is [PHONE] thanks"
    word = redacted.words[3]
    assert (word.start, word.end) == (given.words[3].start, given.words[-2].end)
    assert (word.redacted, word.probability) == ("phone", None)
    assert redacted.words[:3] == given.words[:3]


def test_what_was_removed_has_no_value() -> None:
    found = REDACTOR.redact(call("a: what is your pin", "c: four four two one"))
    [removed] = found.removed
    assert dataclasses.asdict(removed) == {
        "kind": "pin",
        "start": 10.0,
        "end": 12.0,
        "channel": 1,
        "speaker": None,
        "words": 4,
        "segment": 1,
        "first_word": 0,
    }


def test_a_number_over_two_segments_leaves_a_stand_in_in_each() -> None:
    assert texts(
        "c: my card number is four one one one one one one one",
        "a: mhm",
        "c: one one one one one one one one",
    ) == ["my card number is [CARD_NUMBER]", "mhm", "[CARD_NUMBER]"]


def test_without_words_the_whole_segment_is_what_was_removed() -> None:
    given = segment("my pin is 4421, thanks", timed=False)
    found = REDACTOR.redact([given])
    assert found.segments[0].text == "my pin is [PIN] thanks"
    assert found.segments[0].words == ()
    assert (found.removed[0].start, found.removed[0].end) == (given.start, given.end)


def test_one_channel_without_speakers() -> None:
    turns = ["what is your date of birth", "sure", "it's the fourteenth of march eighty two"]
    given = [segment(text, 0, 10.0 * at) for at, text in enumerate(turns)]
    assert REDACTOR.redact(given).segments[2].text == "it's [DATE_OF_BIRTH]"


def test_only_kinds_that_are_wanted() -> None:
    policy = checked_policy(["phone"])
    assert texts("c: my pin is four four two one", policy=policy) == ["my pin is four four two one"]


def test_masks() -> None:
    assert texts("c: my pin is four four two one", policy=checked_policy(style="mask")) == [
        "my pin is ****"
    ]


def test_a_pseudonym_is_the_same_however_the_value_was_said() -> None:
    policy = checked_policy(style="pseudonym", key=b"of one tenant")
    spoken, written = texts(
        "c: my phone number is four one five double five five oh one three two",
        "a: your phone number is 415-555-0132",
        policy=policy,
    )
    assert spoken.split()[-1] == written.split()[-1]
    other = checked_policy(style="pseudonym", key=b"of another")
    [theirs] = texts("c: my phone number is 415-555-0132", policy=other)
    assert theirs.split()[-1] != written.split()[-1]


@pytest.mark.parametrize(
    ("kinds", "style", "key", "said"),
    [
        (["phone", "shoe_size"], "label", b"", "redact got 'shoe_size'; it takes all, or some of"),
        (["all"], "invisible", b"", "redact_style got 'invisible'"),
        (["all"], "pseudonym", b"", "needs a key"),
    ],
)
def test_wrong_policies(kinds: list[str], style: str, key: bytes, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        checked_policy(kinds, style, key)


def test_a_language_without_recognisers() -> None:
    Redactor("en-GB")
    with pytest.raises(SettingError, match="'de'"):
        Redactor("de")


def test_every_kind_has_a_label_of_its_own() -> None:
    assert len({kind.label for kind in KINDS.values()}) == len(KINDS)


def test_nothing_is_nothing() -> None:
    found = REDACTOR.redact([])
    assert (found.segments, found.removed) == ([], [])
    assert REDACTOR.redact([segment("")]).segments[0].text == ""


def test_the_rest_of_a_call_goes_on_where_its_beginning_ended() -> None:
    first = REDACTOR.redact(call("a: what is your date of birth", "c: one moment"))
    kept = Context.from_dict(first.context.to_dict())
    second = REDACTOR.redact([segment("june the twelfth", 1, 30.0)], kept)
    assert second.segments[0].text == "[DATE_OF_BIRTH]"
    alone = REDACTOR.redact([segment("june the twelfth", 1, 30.0)])
    assert alone.segments[0].text == "june the twelfth"


def test_a_context_keeps_no_value() -> None:
    found = REDACTOR.redact(call("a: your pin please", "c: four four two one"))
    assert "4421" not in str(found.context.to_dict())
    assert "four" not in str(found.context.to_dict())


SAYINGS = (
    "my card number is four one one one", "one one one one", "okay", "it was forty two dollars",
    "j dot doe at example dot com", "what is your address", "forty two garden street", "um", "",
    "spell that", "k o w a l s k i", "the fourteenth of march", "no sorry five seven", "[PHONE]",
    "415-555-0132.", "$45.99", "password is blue dragon", "¿qué?", "العربية ٤٢", "नमस्ते 42", "a i o",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ac"), st.sampled_from(SAYINGS)), max_size=8))
def test_twice_is_once(turns: list[tuple[str, str]]) -> None:
    once = REDACTOR.redact(call(*(f"{side}: {text}" for side, text in turns)))
    for segment_ in once.segments:
        assert segment_.text == " ".join(word.text for word in segment_.words)
    twice = REDACTOR.redact(once.segments)
    kept = [word for s in twice.segments for word in s.words if word.redacted]
    stood = [word for s in once.segments for word in s.words if word.redacted]
    assert [word.text for word in kept][: len(stood)] or not stood
    assert all(word in kept for word in stood)


@settings(max_examples=150, deadline=None)
@given(
    st.text("0123456789", min_size=16, max_size=16),
    st.lists(st.integers(1, 15), max_size=5),
    st.lists(st.sampled_from(["okay", "mhm", "yes", "go ahead", "uh huh"]), min_size=6, max_size=6),
    st.booleans(),
)
def test_no_card_survives(
    digits: str, cuts: list[int], acknowledged: list[str], hesitates: bool
) -> None:
    edges = [0, *sorted(set(cuts)), 16]
    turns = ["a: can i have your card number please"]
    between = " um " if hesitates else " "
    for first, end, heard in zip(edges, edges[1:], acknowledged, strict=False):
        turns += ["c: " + between.join(NAMES[int(d)] for d in digits[first:end]), f"a: {heard}"]
    told = texts(*turns)
    survivors = [word for text in told[1::2] for word in text.split() if word in NAMES]
    assert survivors == []


WORDS = (
    "twenty", "9th", "second", "at", "dot", "_", "#", "box", "rue", "12/", "/", "…", "’", "",
    "-", "½", "٤٢", "oh", "a", "i", "b", "for", "bravo", "double", "hundred", "and", "march",
    "04/27", "$5", "x@y.zz", "no", "password", "is", "it's", "street", "flat", "my", "4421",
    "QX4471", "J-A-N-E", "um", "card", "ending",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=10), max_size=4), st.booleans())
@pytest.mark.slow
def test_whatever_is_said_is_read(turns: list[list[str]], timed: bool) -> None:
    sides = [f"{'ac'[at % 2]}: {' '.join(words)}" for at, words in enumerate(turns)]
    found = REDACTOR.redact(call(*sides, timed=timed))
    assert len(found.segments) == len(turns)
    assert Context.from_dict(found.context.to_dict()) == found.context


def test_a_card_that_was_written_as_amounts() -> None:
    asked = "a: can you read me the card number"
    assert "4,242" not in texts(asked, "c: It's $4,242. 4,242. 4,242. 4,242. Okay?")[1]
    bill = "c: I paid $4,242, then $4,243, then $1,200 and $300."
    assert texts("a: how much was it", bill)[1] == bill[3:]


def test_digits_that_are_written_as_other_words() -> None:
    asked = "a: what is the long number on the front of the card"
    told = texts(asked, "c: four one eight six", "a: yep", "c: two five to seven")
    assert told[1:] == ["[CARD_NUMBER]", "yep", "[CARD_NUMBER]"]
    assert texts("a: and the three digits on the back", "c: six zero for")[1] == "[CVV]"
    assert texts("a: what time", "c: nine to five")[1] == "nine to five"


def test_who_calls_first_is_no_first_car() -> None:
    asked = "a: the man who brings it will call you first. which number is best?"
    assert texts(asked, "c: four one five, five five five, zero one three two.")[1] == "[PHONE]"
    asked = "a: and what was your first car"
    assert texts(asked, "c: a blue saab")[1] in ("a [SECURITY_ANSWER]", "[SECURITY_ANSWER]")


def test_of_an_email_whose_name_was_misheard_the_name_goes_too() -> None:
    [_, told] = texts(
        "a: where should i send the message",
        "c: please write about not our current example dot com",
    )
    assert told.startswith("please")
    assert "current" not in told
    assert "example" not in told


def test_a_kind_is_what_the_form_proves_whatever_was_asked() -> None:
    said = "c: the number is " + " ".join(["five one zero"] * 5 + ["zero"])
    assert texts("a: which car did you use", said)[1] == "the number is [CARD_NUMBER]"


@pytest.mark.parametrize(
    ("kinds", "asked", "answer", "told"),
    [
        (
            {"card_number", "cvv", "card_expiry"},
            "your date of birth",
            "the card expires oh nine twenty seven",
            "the card expires [CARD_EXPIRY]",
        ),
        ({"pin"}, "your zip code", "my pin is four four two one", "my pin is [PIN]"),
        (
            {"phone"},
            "what's your policy number",
            "i don't have it but my phone is four one five five five five oh one three two",
            "i don't have it but my phone is [PHONE]",
        ),
    ],
)
def test_what_somebody_calls_by_its_name_goes_as_that(
    kinds: set[str], asked: str, answer: str, told: str
) -> None:
    policy = checked_policy(kinds)
    assert texts(f"a: {asked}", f"c: {answer}", policy=policy)[1] == told


@given(
    st.sampled_from(["your date of birth", "the card number", "your postcode", "and your name"]),
    st.lists(st.sampled_from(NAMES), min_size=3, max_size=16).map(" ".join),
    st.sampled_from(["my pin is", "it's", "my phone is", "the order number is", ""]),
)
@settings(max_examples=60)
def test_where_one_kind_is_wanted_all_goes_that_is_called_so(
    asked: str, digits: str, leading: str
) -> None:
    said = call(f"a: {asked}", f"c: {leading} {digits}")
    for removed in REDACTOR.redact(said).removed:
        alone = Redactor(policy=checked_policy({removed.kind})).redact(said)
        assert (removed.segment, removed.first_word) in {
            (each.segment, each.first_word) for each in alone.removed
        }


def test_a_mark_that_may_be_two_kinds_goes_for_either() -> None:
    mark = Mark(0, 0, 1, "date_of_birth", "9 27", also="card_expiry")
    assert checked_policy({"date_of_birth"}).wanted(mark) == mark
    as_expiry = checked_policy({"card_expiry"}).wanted(mark)
    assert as_expiry is not None
    assert as_expiry.kind == "card_expiry"
    assert checked_policy({"phone"}).wanted(mark) is None


def test_what_another_finder_found_keeps_its_kind() -> None:
    def names(turn: Turn, said: Sequence[str]) -> list[Mark]:
        return [
            Mark(turn.index, at, at + 1, "name", "robert hill")
            for at in range(len(said) - 1)
            if list(said[at : at + 2]) == ["robert", "hill"]
        ]

    redactor = Redactor(policy=checked_policy({"name"}), finders=[names])
    told = redactor.redact(
        call(
            "c: hi this is robert hill calling about my order",
            "a: hello robert hill and the email",
            "c: you can ask robert hill",
        )
    )
    assert [s.text for s in told.segments] == [
        "hi this is [NAME] calling about my order",
        "hello [NAME] and the email",
        "you can ask [NAME]",
    ]


def test_who_greets_at_a_company_gives_no_email() -> None:
    [told] = texts("a: Hello this is James Baker at Blue River Books What can I do for you")
    assert "[EMAIL]" not in told
    [told] = texts("c: you can write to me it's james baker at blue river dot com")
    assert told.endswith("[EMAIL]")


@pytest.mark.parametrize(
    "written",
    [
        "4,242,424,242,424,242",
        "$4,242,424,242,424,242.",
        "card:4242424242424242",
        "Visa:4242-4242-4242-4242",
        "4242\u200b4242\u200b4242\u200b4242",
        "yes\u20144242424242424242",
        "https://x.example/4242424242424242",
        "4242424242424242x",
    ],
)
@pytest.mark.parametrize("said", ["a: can i have the card number please", "a: okay"])
def test_a_card_in_one_word_whatever_its_signs(said: str, written: str) -> None:
    assert texts(said, f"c: {written}")[1] == "[CARD_NUMBER]"


def test_a_label_at_a_value_hides_nothing() -> None:
    asked = "a: what is your phone number"
    assert texts(asked, "c: phone:4155550132")[1] == "[PHONE]"
    assert texts(asked, "c: tel:+14155550132")[1] == "[PHONE]"
    assert texts("a: and your email", "c: email:bob@example.com")[1] == "[EMAIL]"
    assert texts("a: the address of the router", "c: dead:beef::1")[1] == "[IP_ADDRESS]"
