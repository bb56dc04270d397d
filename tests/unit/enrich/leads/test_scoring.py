"""A score is its base and its reasons, and what adds never lowers it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.enrich.talking import segment

from twicetold.enrich.leads import LeadScore, Rubric, default_rubric, parse_rubric, score_call
from twicetold.enrich.leads.calibration import Calibration, Method
from twicetold.enrich.leads.model import Condition, RubricRule
from twicetold.enrich.llm import LlmAnswer
from twicetold.enrich.metrics import measure
from twicetold.enrich.sentiment import CallSentiment, SpeakerSentiment
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

ROLES = ("agent", "customer")
CALL = [
    segment(1, 0, 0, "good morning how much would you like"),
    segment(2, 1, 5, "how much is it"),
    segment(3, 1, 12, "and how much is the other"),
]
MOOD = CallSentiment(0.1, "vader", "vader", "en", speakers=(SpeakerSentiment("customer", 0.4),))


def scored(rules: str, **given_: object) -> LeadScore:
    rubric = parse_rubric(f"name: r\nbase: 10\nrules:\n{rules}")
    call = {"metrics": measure(CALL, 20.0, roles=ROLES), "sentiment": MOOD} | given_
    return score_call(rubric, CALL, 20.0, roles=ROLES, **call)  # type: ignore[arg-type]


def test_phrases_count_with_their_times() -> None:
    found = scored("- {name: p, weight: 15, who: customer, say: how much}")
    assert found.score == 25
    (reason,) = found.fired
    assert reason.points == 15
    assert [start for start, _ in reason.times] == pytest.approx([5, 12.3])


def test_phrases_count_as_often_as_the_rule_says() -> None:
    assert scored("- {name: p, weight: 15, say: how much, count: 2}").score == 40
    assert scored("- {name: p, weight: 15, say: how much, count: 9}").score == 55


def test_metrics_sentiment_and_outcomes_count_in_their_bounds() -> None:
    metric = "- {{name: m, weight: 5, metric: customer.words, at_least: {}}}"
    assert scored(metric.format(10)).score == 15
    assert scored(metric.format(11)).score == 10
    mood = "- {{name: m, weight: -5, sentiment: {}, at_most: 0.2}}"
    assert scored(mood.format("call")).score == 5
    assert scored(mood.format("customer")).score == 10
    booked = "- {name: b, weight: 30, outcome: step, is: [demo, visit]}"
    assert scored(booked, outcomes={"step": "visit"}).score == 40
    assert scored(booked, outcomes={"step": "none"}).unjudged == ()
    assert scored(booked, outcomes={"step": "visit"}).fired[0].value == "visit"


def test_answers_of_a_model_count_with_their_places() -> None:
    rule = "- {name: a, weight: 20, ask: Is it bought}"
    found = scored(rule, answers={"a": LlmAnswer(True, (1,))})
    assert (found.score, found.fired[0].times) == (30, ((5, CALL[1].end),))
    assert scored(rule, answers={"a": LlmAnswer(False)}).unjudged == ()


def test_what_nobody_knows_is_named_and_counts_nothing() -> None:
    rules = """
- {name: who, weight: 5, who: supervisor, say: how much}
- {name: metric, weight: 5, metric: supervisor.talk_s, at_least: 0}
- {name: mood, weight: 5, sentiment: agent, at_least: -1}
- {name: outcome, weight: 5, outcome: step, is: demo}
- {name: asked, weight: 5, ask: Is it bought}
"""
    found = scored(rules)
    assert (found.score, found.fired) == (10, ())
    assert found.unjudged == ("who", "metric", "mood", "outcome", "asked")


def test_a_score_stays_within_0_and_100() -> None:
    assert scored("- {name: p, weight: 99, say: how much, count: 9}").score == 100
    assert scored("- {name: p, weight: -99, say: how much}").score == 0


def test_a_score_has_no_probability_until_its_rubric_is_calibrated() -> None:
    rules = "- {name: p, weight: 15, say: how much}"
    found = scored(rules)
    assert not found.calibrated
    assert found.to_dict()["calibrated"] is False
    line = (
        "\ncalibration: {method: platt, rubric: %s, calls: 9, won: 3, slope: 0.1, intercept: -2.5}"
    )
    mine = scored(rules + line % found.fingerprint)
    assert (mine.calibrated, mine.probability) == (True, 0.5)
    assert not scored(rules + line % "another").calibrated


def test_an_empty_transcript_has_a_score() -> None:
    found = score_call(default_rubric(), [], 0.0, metrics=measure([], 0.0), roles=ROLES)
    assert 0 <= found.score <= 100
    assert "asks what it costs" in found.unjudged


WORDS = ("price", "buy", "never", "maybe", "thanks")
weights = st.floats(-100, 100).filter(lambda weight: weight != 0)
rules = st.lists(
    st.one_of(
        st.builds(
            lambda word, who, weight, count: (
                f"say: {word}, who: {who}, weight: {weight}, count: {count}"
            ),
            st.sampled_from(WORDS),
            st.sampled_from(("any", "agent", "customer")),
            weights,
            st.integers(1, 3),
        ),
        st.builds(
            lambda metric, low, weight: f"metric: {metric}, at_least: {low}, weight: {weight}",
            st.sampled_from(("customer.talk_share", "turns", "silence_share")),
            st.floats(0, 1),
            weights,
        ),
        st.builds(
            lambda low, weight: f"sentiment: customer, at_least: {low}, weight: {weight}",
            st.floats(-1, 1),
            weights,
        ),
        st.builds(lambda weight: f"outcome: o, is: won, weight: {weight}", weights),
    ),
    min_size=1,
    max_size=8,
)
calls = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.sampled_from(WORDS), min_size=1, max_size=5)),
    max_size=6,
)


@given(rules, st.floats(0, 100), calls, st.floats(-1, 1), st.floats(0.001, 1))
def test_a_rule_of_positive_weight_that_fires_never_lowers_the_score(
    told: list[str], base: float, said: list[tuple[int, list[str]]], mood: float, slope: float
) -> None:
    """Against the same rubric without it; nor does one of negative weight raise it."""
    lines = "".join(f"- {{name: r{n}, {rule}}}\n" for n, rule in enumerate(told))
    rubric = calibrated(parse_rubric(f"name: r\nbase: {base}\nrules:\n{lines}"), slope)
    segments = [
        segment(n, channel, 4.0 * n, " ".join(words)) for n, (channel, words) in enumerate(said)
    ]
    with_all = score(rubric, segments, mood)
    assert 0 <= with_all.score <= 100
    for reason in with_all.fired:
        rest = tuple(rule for rule in rubric.rules if rule.name != reason.rule)
        without = score(replace(rubric, rules=rest), segments, mood)
        assert with_all.probability is not None
        assert without.probability is not None
        if reason.points > 0:
            assert with_all.score >= without.score
            assert with_all.probability >= without.probability
        else:
            assert with_all.score <= without.score
    assert score(replace(rubric, rules=rubric.rules[::-1]), segments, mood).score == with_all.score


@given(calls, st.sampled_from(WORDS), st.floats(0.1, 100))
def test_saying_what_a_positive_rule_waits_for_never_lowers_the_score(
    said: list[tuple[int, list[str]]], word: str, weight: float
) -> None:
    rule = parse_rubric(f"name: r\nrules:\n- {{name: p, weight: {weight}, say: {word}}}")
    segments = [
        segment(n, channel, 4.0 * n, " ".join(words)) for n, (channel, words) in enumerate(said)
    ]
    more = [*segments, segment(99, 1, 400.0, word)]
    assert score(rule, more, 0).score >= score(rule, segments, 0).score


def calibrated(rubric: Rubric, slope: float) -> Rubric:
    told = Calibration(Method.PLATT, rubric.fingerprint, 50, 20, slope, -slope * 50)
    return replace(rubric, calibration=told)


def score(rubric: Rubric, segments: list[Segment], mood: float) -> LeadScore:
    return score_call(
        rubric,
        segments,
        500.0,
        metrics=measure(segments, 500.0, roles=ROLES),
        sentiment=replace(MOOD, speakers=(SpeakerSentiment("customer", mood),)),
        outcomes={"o": "won"},
        roles=ROLES,
    )


def test_bounds_include_their_ends() -> None:
    rule = RubricRule("r", 1, Condition.METRIC, "turns", at_least=2, at_most=4)
    assert [value for value in range(7) if rule.holds(value)] == [2, 3, 4]
