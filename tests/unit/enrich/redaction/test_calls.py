"""Whole calls: what must go goes, and hardly anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from benchmarks.redaction import redact, redact_with
from benchmarks.redaction_sets.read import Dialogue, Turn
from benchmarks.redaction_sets.score import score
from tests.unit.enrich.redaction.calls import marked_calls

from twicetold.enrich.redaction import Redactor

pytestmark = pytest.mark.unit

CALLS = marked_calls()
_RULES = Redactor(tagger=None)


def _by_rules(turns: Sequence[Turn]) -> list[Mapping[int, str]]:
    return redact_with(_RULES, turns)


@pytest.mark.parametrize("dialogue", CALLS, ids=lambda dialogue: dialogue.id)
def test_what_is_marked_goes_by_the_rules(dialogue: Dialogue) -> None:
    assert [(miss.kind, miss.words) for miss in score([dialogue], _by_rules).misses] == []


def test_hardly_anything_else_goes_by_the_rules() -> None:
    result = score(CALLS, _by_rules)
    assert result.precision.share > 0.98
    assert [alarm.context for alarm in result.false_alarms] == []


def test_the_tagger_leaves_little_and_takes_little_else() -> None:
    """It was trained on other calls than these, and is no rule that one could mend."""
    result = score(CALLS, redact)
    assert result.recall.share > 0.98
    assert result.card_digits_left == 0
    assert result.precision.share > 0.94
    assert result.precision_of_runs.share > 0.94


def test_what_it_calls_them() -> None:
    assert score(CALLS, redact).kinds_right.share > 0.85
