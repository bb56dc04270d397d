"""All stages on calls that are not as calls are: none fails, none invents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twicetold.enrich.judging import ApplyRules, JudgeSentiment, Measure, ScoreLead
from twicetold.enrich.leads import default_text as default_rubric
from twicetold.enrich.redacting import Redact
from twicetold.enrich.redaction import checked_policy
from twicetold.enrich.rules import default_text as default_rules
from twicetold.enrich.sound import spans_to_cover
from twicetold.enrich.steps import Facts, Known, Step
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit


def steps() -> list[Step]:
    return [
        Redact(checked_policy()),
        Measure(),
        JudgeSentiment(),
        ApplyRules(default_rules(), "the default rules"),
        ScoreLead(default_rubric(), "the default rubric"),
    ]


def said(start: float, channel: int, text: str, *, timed: bool = True) -> Segment:
    words = tuple(
        Word(start + 0.3 * index, start + 0.3 * index + 0.25, word)
        for index, word in enumerate(text.split())
    )
    end = start + 0.3 * max(1, len(text.split()))
    return Segment(0, channel, start, end, text, words if timed else ())


def enriched(segments: list[Segment], length_s: float, language: str = "en", channels: int = 2):
    known, facts = Known(tuple(segments)), Facts(language, length_s, channels)
    for step in steps():
        known = step.apply(known, facts)
        assert Known.from_dict(known.to_dict()).insights.keys() == known.insights.keys()
    return known


def test_an_empty_transcript():
    known = enriched([], 12.0)
    assert known.segments == ()
    assert known.insights["removed"] == []
    assert known.insights["metrics"]["talk_s"] == 0
    assert known.insights["sentiment"]["score"] is None
    assert 0 <= known.insights["lead"]["score"] <= 100


def test_a_recording_of_no_length():
    assert enriched([], 0.0, channels=0).insights["metrics"]["silence_share"] == 0


def test_one_speaker():
    known = enriched(
        [said(0, 0, "please call me back on 415 555 0199 thank you")], 10.0, channels=1
    )
    assert "[PHONE]" in known.segments[0].text
    assert known.insights["metrics"]["interruptions"] == 0


def test_text_without_word_times_is_redacted_and_its_whole_segment_covered():
    spoken = said(3.0, 1, "my number is 415 555 0199 okay", timed=False)
    known = enriched([said(0, 0, "can i have your phone number", timed=False), spoken], 20.0)
    assert known.segments[1].text == "my number is [PHONE] okay"
    facts = Facts("en", 20.0, 2, 0.3, word_times=False)
    [(start, end)] = spans_to_cover(known.insights["removed"], known.segments, facts)
    assert start <= spoken.start
    assert end >= spoken.end


@pytest.mark.parametrize(
    "text",
    [
        "مرحبا كيف يمكنني مساعدتك اليوم",
        "नमस्ते मैं आपकी कैसे मदद कर सकता हूँ",
        "வணக்கம் உங்களுக்கு எப்படி உதவ முடியும்",
        "你好我能帮你什么",
        "שלום איך אפשר לעזור",
        "\u202eabc\u202c \u200d \ufeff",
        "🙂 🙂 ok",
        "ﬁve ﬁve 𝟝𝟝𝟝 ５５５",
        "x" * 20_000,
        "[PHONE] [NAME] [PHONE-3f9a2c] ****",
    ],
)
def test_other_scripts_and_odd_signs(text):
    known = enriched([said(0, 0, text), said(40, 1, text)], 120.0)
    assert len(known.segments) == 2
    assert all(segment.safe for segment in known.segments)


def test_what_is_redacted_stays_as_it_is():
    segments = [
        said(0, 0, "can i have your phone number"),
        said(5, 1, "it is four one five five five five zero one nine nine"),
    ]
    once = enriched(segments, 20.0).segments
    again = enriched(list(once), 20.0)
    assert [each.text for each in again.segments] == [each.text for each in once]
    assert again.insights["removed"] == []


def test_times_that_run_backwards():
    segments = [said(10, 0, "later"), said(0, 1, "earlier"), replace(said(5, 0, "x"), end=1.0)]
    assert len(enriched(segments, 12.0).segments) == 3


@pytest.mark.slow
def test_a_call_of_ten_hours():
    lines = (
        "thank you for calling how can i help you today",
        "i have a question about my bill from last month it was forty two dollars",
        "can i have your account number please",
        "yes it is eight eight one two three four five six",
    )
    segments = [said(20.0 * n, n % 2, lines[n % 4]) for n in range(1_800)]
    known = enriched(segments, 36_000.0)
    assert len(known.segments) == 1_800
    assert len(known.insights["sentiment"]["curve"]) <= 60
    assert not any("eight eight" in each.text for each in known.segments)
