"""Whole calls: what must go goes, and hardly anything else."""

from __future__ import annotations

import pytest
from benchmarks.redaction import redact, redact_with
from benchmarks.redaction_sets.read import Dialogue
from benchmarks.redaction_sets.score import score
from tests.unit.enrich.redaction.calls import marked_calls

from twicetold.enrich.redaction import Redactor

pytestmark = pytest.mark.unit

CALLS = marked_calls()


@pytest.mark.parametrize("dialogue", CALLS, ids=lambda dialogue: dialogue.id)
def test_what_is_marked_goes(dialogue: Dialogue) -> None:
    assert [(miss.kind, miss.words) for miss in score([dialogue], redact).misses] == []


def test_hardly_anything_else_goes_by_the_rules() -> None:
    rules = Redactor(tagger=None)
    result = score(CALLS, lambda turns: redact_with(rules, turns))
    assert result.precision.share > 0.98
    assert [alarm.context for alarm in result.false_alarms] == []


def test_little_else_goes_by_the_tagger() -> None:
    """It was trained on other calls than these, and is no rule that one could mend."""
    result = score(CALLS, redact)
    assert result.precision.share > 0.97
    assert result.precision_of_runs.share > 0.97


def test_what_it_calls_them() -> None:
    assert score(CALLS, redact).kinds_right.share > 0.85
