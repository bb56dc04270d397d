"""Rules by tenant: a mistake is told once; at a start, what calls of one channel lack."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog

from twicetold.enrich.wishes import Enrichment
from twicetold.errors import SettingError
from twicetold.wiring.rule_files import (
    TextFiles,
    rubric_by,
    rules_by,
    tell_what_one_channel_lacks,
)

pytestmark = pytest.mark.unit

RULES = """
categories:
  - name: c
    rules:
      - {name: cancels, who: customer, say: cancel, alert: Ask why.}
      - {name: dear, say: price, alert: Explain.}
      - {name: quiet, who: agent, say: hello}
"""


def test_rules_of_no_use_are_told_once_for_each_mistake_and_tenant(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    rules = rules_by(lambda tenant: Enrichment(rules=str(file)))
    with structlog.testing.capture_logs() as logged:
        for tenant in ("acme", "acme", "other", "acme", "other"):
            assert rules(tenant) is None
        assert [entry["tenant"] for entry in logged] == ["acme", "other"]
        file.write_text("categories: 3")
        for _ in range(3):
            assert rules("acme") is None
        file.write_text(RULES)
        assert rules("acme") is not None
        file.unlink()
        assert rules("acme") is None
    assert len(logged) == 4
    assert {entry["event"] for entry in logged} == {"rules_refused"}


def test_a_rubric_of_no_use_is_told_once_and_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "rubric.yaml"
    rubric = rubric_by(lambda tenant: Enrichment(lead_rubric=str(file)))
    with structlog.testing.capture_logs() as logged:
        assert [rubric("acme"), rubric("acme")] == [None, None]
        file.write_text("name: r\nrules: [{name: o, weight: 5, outcome: won, is: 'yes'}]\n")
        made = rubric("acme")
        assert made is not None
        assert made.name == "r"
        file.write_text("name: r\nrules: [{name: o, weight: 50, outcome: won, is: 'yes'}]\n")
        changed = rubric("acme")
    assert changed is not None
    assert changed.fingerprint != made.fingerprint
    assert [(entry["event"], entry["tenant"]) for entry in logged] == [("rubric_refused", "acme")]
    assert rubric_by(lambda tenant: Enrichment())("acme") is None


def test_alerts_about_roles_are_told_at_a_start_where_channels_have_none(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    wanted = {
        "acme": Enrichment(rules=str(file)),
        "named": Enrichment(rules=str(file), channel_roles="agent,customer"),
        "none": Enrichment(),
    }
    with structlog.testing.capture_logs() as logged:
        tell_what_one_channel_lacks(rules_by(wanted.__getitem__), wanted)
    [told] = logged
    assert (told["tenant"], told["alerts"], told["about_roles"]) == ("acme", 2, 1)


@pytest.mark.parametrize("odd", ["a pipe", "a device"])
def test_what_is_no_file_is_not_read(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "rules.yaml" if odd == "a pipe" else Path("/dev/zero")
    if odd == "a pipe":
        os.mkfifo(path)
    with pytest.raises(SettingError, match="is no file"):
        TextFiles().read(path, "rules")
