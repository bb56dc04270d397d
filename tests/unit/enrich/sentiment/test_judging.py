"""Sentiment of segments, speakers and calls, whoever judges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.enrich.talking import segment

from twicetold.enrich.sentiment import CallSentiment, Utterance, VaderJudge, judged
from twicetold.enrich.sentiment.vader import score_of
from twicetold.errors import LlmFailed
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

ROLES = ("agent", "customer")


class Judge:
    """Reads the score that is written as the first word."""

    name = "reader"

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails

    def speaks(self, language: str) -> bool:
        return language != "xx"

    async def scores(self, utterances: Sequence[Utterance], language: str) -> list[float | None]:
        if self._fails:
            raise LlmFailed("It does not answer.")
        return [float(each.text.split()[0]) if each.text else None for each in utterances]


async def call_of(
    *segments: Segment, judge: Judge | VaderJudge | None = None, language: str = "en"
) -> tuple[list[Segment], CallSentiment]:
    return await judged(segments, judge or Judge(), length_s=600.0, language=language, roles=ROLES)


async def test_segments_speakers_and_the_call_are_judged_by_their_words() -> None:
    segments, found = await call_of(
        segment(1, 0, 0, "1 b c"), segment(2, 1, 10, "-1"), segment(3, 1, 20, "-0.5 b")
    )
    assert [each.sentiment for each in segments] == [1, -1, -0.5]
    assert found.score == pytest.approx((3 - 1 - 1) / 6)
    assert found.of("agent") == 1
    assert found.of("customer") == pytest.approx(-2 / 3)
    assert (found.judge, found.wished, found.reason) == ("reader", "reader", "")


async def test_the_curve_has_means_over_time_where_somebody_speaks() -> None:
    _, found = await call_of(segment(1, 0, 0, "1"), segment(2, 1, 4, "0"), segment(3, 1, 590, "-1"))
    assert [(point.at, point.score) for point in found.curve] == [(7.5, 0.5), (592.5, -1.0)]
    (customer,) = [each for each in found.speakers if each.speaker == "customer"]
    assert [point.score for point in customer.curve] == [0.0, -1.0]


@given(st.lists(st.tuples(st.floats(0, 36_000), st.integers(-10, 10)), max_size=80))
async def test_curves_are_bounded_and_in_order(said: list[tuple[float, int]]) -> None:
    segments = [segment(n, n % 2, at, f"{score / 10}") for n, (at, score) in enumerate(said)]
    _, found = await call_of(*segments)
    for curve in (found.curve, *(each.curve for each in found.speakers)):
        assert len(curve) <= 60
        assert [point.at for point in curve] == sorted(point.at for point in curve)
        assert all(-1 <= point.score <= 1 for point in curve)
    again = CallSentiment.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.to_dict() == found.to_dict()


async def test_a_language_that_nobody_judges_gives_none_and_not_zero() -> None:
    segments, found = await call_of(segment(1, 0, 0, "so schön"), judge=VaderJudge(), language="de")
    assert segments[0].sentiment is None
    assert (found.score, found.judge, found.reason, found.curve) == (None, "", "language", ())
    assert [each.score for each in found.speakers] == [None]


async def test_who_fails_is_replaced_for_the_whole_call_and_that_is_said() -> None:
    said = [segment(1, 0, 0, "0.5")]
    _, found = await judged(said, Judge(fails=True), length_s=9, language="en", fallback=Judge())
    assert (found.judge, found.reason, found.score) == ("reader", "llm_failed", 0.5)
    alone = await judged(said, Judge(fails=True), length_s=9, language="en")
    assert (alone[1].judge, alone[1].reason, alone[1].score) == ("", "llm_failed", None)


async def test_an_empty_transcript_has_no_sentiment() -> None:
    segments, found = await call_of()
    assert (segments, found.score, found.curve, found.speakers) == ([], None, (), ())


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("This is wonderful, thank you so much!", 1),
        ("I am very angry and this is terrible", -1),
        ("it is not good", -1),
        ("The train leaves from platform six.", 0),
        ("THIS IS TERRIBLE", -1),
    ],
)
def test_vader_reads_english(text: str, sign: int) -> None:
    score = score_of(text)
    assert score is not None
    assert (score > 0.05) - (score < -0.05) == sign


def test_vader_reads_sentence_by_sentence_and_long_texts_in_parts() -> None:
    good, bad = score_of("I love it."), score_of("I hate this.")
    assert good is not None
    assert bad is not None
    assert score_of("I love it. I hate this.") == pytest.approx((good + bad) / 2)
    assert score_of("word " * 5000) == 0
    assert score_of("") is None
    assert score_of("...") is None


async def test_what_stands_for_redacted_words_is_not_read() -> None:
    heard = segment(1, 0, 0, "my name is [HATE]")
    words = (*heard.words[:3], replace(heard.words[3], redacted="person"))
    for one in (replace(heard, words=words), replace(heard, words=())):
        segments, _ = await call_of(one, judge=VaderJudge())
        assert segments[0].sentiment == 0
