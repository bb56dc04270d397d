"""The API's description of insights is what the stages make, field by field, and no less."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from twicetold.enrich.attributing import NameSpeakers
from twicetold.enrich.judging import ApplyRules, JudgeSentiment, Measure, ScoreLead
from twicetold.enrich.leads import default_text as default_rubric
from twicetold.enrich.redacting import Redact
from twicetold.enrich.redaction import checked_policy
from twicetold.enrich.rules import default_text as default_rules
from twicetold.enrich.steps import Facts, Known, Step
from twicetold.gateway.insights import insights_body
from twicetold.gateway.insights_body import InsightsBody
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit

SAID = (
    (0, "Thank you for calling, how can I help you?"),
    (1, "How much is it a month? My phone number is four one five five five five oh one three two"),
    (0, "That is great, thank you."),
    (1, "This is terrible, I want to speak to a manager."),
)
STEPS: tuple[Step, ...] = (
    NameSpeakers("channels"),
    Redact(checked_policy()),
    Measure(),
    JudgeSentiment(),
    ApplyRules(default_rules(), "the default rules"),
    ScoreLead(default_rubric(), "the default rubric"),
)


def segment(number: int, channel: int, text: str) -> Segment:
    start, told = number * 10.0, text.split()
    words = tuple(Word(start + at, start + at + 0.4, word) for at, word in enumerate(told))
    return Segment(number, channel, start, words[-1].end, text, words)


@pytest.fixture(scope="module")
def insights() -> dict[str, Any]:
    known = Known(tuple(segment(n, *said) for n, said in enumerate(SAID, 1)))
    for step in STEPS:
        known = step.apply(known, Facts("en", 60.0, 2))
    return dict(known.insights)


def test_what_stages_make_is_told_whole(insights):
    body = InsightsBody.model_validate({**insights, "call_id": "c", "revision": "r"})
    told = body.model_dump(mode="json")
    assert {"call_id", "revision", "failed_stages", *insights} == set(told)
    told["lead"].pop("unanswered")  # of language models alone
    for name, made in insights.items():
        assert told[name] == made, name
    assert insights["removed"]
    assert insights["rules"]["matches"]
    assert insights["lead"]["fired"]


@pytest.mark.parametrize("name", ["speakers", "metrics", "sentiment", "rules", "lead"])
def test_what_there_is_is_described(insights, name):
    """A field that a stage makes and the description does not have would not be told."""
    model = InsightsBody.model_fields[name].annotation.__args__[0]
    assert issubclass(model, BaseModel)
    assert set(insights[name]) <= set(model.model_fields)


def test_what_was_not_asked_for_is_null():
    told = InsightsBody.model_validate({"call_id": "c", "revision": "r"}).model_dump()
    assert told.pop("failed_stages") == []
    assert {name for name, value in told.items() if value is not None} == {"call_id", "revision"}


def test_what_is_kept_in_another_form_costs_the_rest_nothing():
    about = {"call_id": "call", "revision": "1"}
    body = insights_body({**about, "removed_counts": {"phone": 1}, "lead": {"score": "high"}})
    assert body.lead is None
    assert body.removed_counts == {"phone": 1}
