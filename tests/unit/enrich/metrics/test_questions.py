"""Questions, with and without punctuation."""

from __future__ import annotations

import pytest

from twicetold.enrich.metrics import measure
from twicetold.enrich.metrics.questions import begins_as_question, is_punctuated, questions_of
from twicetold.enrich.tokens import folded
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit


def segments(*texts: str) -> list[Segment]:
    return [Segment(n, 0, 10.0 * n, 10.0 * n + 5, text) for n, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("How are you? And your wife?", 2),
        ("Really?!", 1),
        ("What??", 1),
        ("How are you.", 0),
        ("كيف حالك؟", 1),
        ("¿Cómo está?", 1),
        ("お元気ですか？", 1),
    ],
)
def test_marks_are_counted(text: str, count: int) -> None:
    assert questions_of(text, punctuated=True) == count


@pytest.mark.parametrize(
    "text",
    [
        "what is your name",
        "so what time is it",
        "okay and how much is that",
        "how long does it take",
        "do you have an account with us",
        "can I have your number",
        "would that be okay",
        "isn't it broken",
        "which plan do you have",
        "what about tomorrow",
        "why",
        "what's that",
        "who is speaking",
    ],
)
def test_questions_begin_so(text: str) -> None:
    assert begins_as_question(folded(text))


@pytest.mark.parametrize(
    "text",
    [
        "when I was there it rained",
        "what a nice day",
        "which I never had",
        "I do not know what it is",
        "have fun",
        "is",
        "will do",
        "how nice of them",
        "can",
        "",
        "um",
    ],
)
def test_other_sentences_do_not(text: str) -> None:
    assert not begins_as_question(folded(text))


def test_where_an_engine_writes_marks_only_they_count() -> None:
    found = measure(segments("What is it?", "Where I live. Yes.", "Do you see."), 60.0)
    assert found.questions == 1


def test_without_marks_sentences_are_told_by_their_beginning_in_english_alone() -> None:
    call = segments("what is it", "i see", "do you know")
    assert not is_punctuated(call)
    assert measure(call, 60.0, language="en-GB").questions == 2
    german = measure(call, 60.0, language="de")
    assert german.questions is None
    assert german.speakers[0].questions is None
    assert measure(segments("Wer ist da?", "Ich."), 60.0, language="de").questions == 1
