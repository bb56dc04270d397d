"""Alerts as webhooks: each match once, however often its finals come, and over a new recorder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.transcripts_contract import KEY, final, new_call

from twicetold.enrich.rules import parse_rules
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.webhooks import ALERT
from twicetold.webhooks.alerting import AlertAnnouncer
from twicetold.webhooks.sqlite import SqliteOutbox

pytestmark = pytest.mark.integration

RULES = parse_rules(
    """
categories:
  - name: churn
    rules:
      - name: wants to leave
        say: [cancel my contract]
        near: {say: today, within: 30s}
        alert: Offer the loyalty discount.
"""
)


@pytest.fixture
async def stores(tmp_path: Path):
    transcripts = SqliteTranscripts(tmp_path / "transcripts.sqlite3")
    outbox = SqliteOutbox(tmp_path / "webhooks.sqlite3")
    await transcripts.begin_call(new_call())
    await outbox.add(KEY.tenant, "https://example.com/hook", (ALERT,))
    yield transcripts, outbox
    await outbox.aclose()
    await transcripts.aclose()


async def events(outbox: SqliteOutbox) -> list[dict[str, object]]:
    page = await outbox.deliveries(KEY.tenant)
    return [dict(each.event.data) for each in page.deliveries]


async def test_a_match_is_told_once_over_repeats_and_another_recorder(stores):
    transcripts, outbox = stores
    finals = [final(1, "today is the day"), final(2, "i want to cancel my contract")]
    await transcripts.save_draft(KEY, finals)
    ruled = lambda tenant: (RULES, ())  # noqa: E731
    announcer = AlertAnnouncer(outbox, transcripts, ruled)
    await announcer.drafted(KEY, finals[:1])
    assert await events(outbox) == []
    await announcer.drafted(KEY, finals[1:])
    await announcer.drafted(KEY, finals)
    successor = AlertAnnouncer(outbox, transcripts, ruled)
    await successor.drafted(KEY, finals[1:])
    [told] = await events(outbox)
    assert told["rule"] == "wants to leave"
    assert (told["event"], told["channel"]) == (2, 0)
    assert told["suggestion"] == "Offer the loyalty discount."
    assert "contract" not in str({name: value for name, value in told.items() if name != "rule"})


async def test_a_tenant_without_rules_is_told_nothing(stores):
    transcripts, outbox = stores
    await AlertAnnouncer(outbox, transcripts, lambda tenant: None).drafted(
        KEY, [final(1, "cancel my contract today")]
    )
    assert await events(outbox) == []
