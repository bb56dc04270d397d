"""Rules that are of no use are told once, and again when they are wrong in another way."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from twicetold.enrich.wishes import Enrichment
from twicetold.wiring.rule_files import rules_by

pytestmark = pytest.mark.unit


def test_what_is_wrong_with_rules_is_told_once(tmp_path):
    file = tmp_path / "rules.yaml"
    rules = rules_by(lambda tenant: Enrichment(rules=str(file)))
    with capture_logs() as logs:
        assert [rules("acme") for _ in range(3)] == [None] * 3
        file.write_text("categories: 7")
        assert [rules("acme") for _ in range(3)] == [None] * 3
        assert rules("other") is None
    told = [(each["tenant"], each["reason"]) for each in logs]
    assert [tenant for tenant, _ in told] == ["acme", "acme", "other"]
    assert told[0][1] != told[1][1] == told[2][1]
