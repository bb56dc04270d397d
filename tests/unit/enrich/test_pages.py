"""Files that pages show are files that are read."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from twicetold.enrich.leads import parse_rubric
from twicetold.enrich.metrics.model import CallMetrics, SpeakerMetrics
from twicetold.enrich.rules import parse_rules

pytestmark = pytest.mark.unit

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_rules_and_the_rubric_of_the_page_are_read() -> None:
    page = (DOCS / "how-to" / "rules-and-leads.md").read_text(encoding="utf-8")
    rules, rubric = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert len(parse_rules(rules).rules) == 5
    assert len(parse_rubric(rubric).rules) == 5


def test_every_metric_is_defined() -> None:
    page = (DOCS / "explanation" / "call-metrics.md").read_text(encoding="utf-8")
    names = {item.name for kind in (CallMetrics, SpeakerMetrics) for item in fields(kind)}
    for name in names - {"speakers", "speaker", "length_s"}:
        assert f"`{name}`" in page, name
