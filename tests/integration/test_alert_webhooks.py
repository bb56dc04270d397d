"""Alerts as webhooks: each match once, however often its finals come, and over a new recorder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contracts.transcripts_contract import KEY, final, new_call

from twicetold.enrich.rules import parse_rules
from twicetold.errors import BadParameter, TwicetoldError, Unavailable
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
      - name: too dear
        say: [too high]
        alert: Explain the price.
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


class Flaky:
    """An outbox that is busy, or refuses for good, at some of its calls."""

    def __init__(self, outbox: SqliteOutbox, *errors: TwicetoldError | None) -> None:
        self._outbox, self._errors = outbox, list(errors)

    async def emit(self, *event: Any) -> None:
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        await self._outbox.emit(*event)


SAID = [
    final(1, "today"),
    final(2, "cancel my contract"),
    final(3, "my price is too high"),
]


async def test_what_the_outbox_could_not_take_is_told_with_the_next_try(stores):
    transcripts, outbox = stores
    await transcripts.save_draft(KEY, SAID)
    flaky = Flaky(outbox, None, Unavailable("busy"))
    announcer = AlertAnnouncer(flaky, transcripts, lambda tenant: (RULES, ()))
    await announcer.drafted(KEY, SAID[:1])
    with pytest.raises(Unavailable):
        await announcer.drafted(KEY, SAID[1:])
    assert len(await events(outbox)) == 1
    await announcer.drafted(KEY, SAID[1:])
    assert {told["rule"] for told in await events(outbox)} == {"wants to leave", "too dear"}


async def test_an_event_that_can_never_be_told_holds_up_no_other(stores):
    transcripts, outbox = stores
    await transcripts.save_draft(KEY, SAID)
    flaky = Flaky(outbox, BadParameter("too large"))
    announcer = AlertAnnouncer(flaky, transcripts, lambda tenant: (RULES, ()))
    await announcer.drafted(KEY, SAID)
    [told] = await events(outbox)
    assert told["rule"] == "too dear"


async def test_a_recorder_that_gets_a_call_back_knows_what_was_said_meanwhile(stores):
    transcripts, outbox = stores
    await transcripts.save_draft(KEY, SAID)
    announcer = AlertAnnouncer(outbox, transcripts, lambda tenant: (RULES, ()))
    await announcer.drafted(KEY, [final(0, "hello")])
    await announcer.drafted(KEY, SAID[1:2])  # another was told of the first
    [told] = await events(outbox)
    assert told["rule"] == "wants to leave"


async def test_a_tenant_without_rules_is_told_nothing(stores):
    transcripts, outbox = stores
    await AlertAnnouncer(outbox, transcripts, lambda tenant: None).drafted(
        KEY, [final(1, "cancel my contract today")]
    )
    assert await events(outbox) == []
