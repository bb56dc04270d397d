"""Alerts come behind the finals that they are about, the same ones to whoever comes when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.unit.gateway.doubles import KEY, FakeBroker, FakeCarriers, final, running_call

from twicetold.enrich.rules import parse_rules
from twicetold.gateway.captions import CaptionHub
from twicetold.gateway.delivery import Delivery
from twicetold.speech.events import Caption, Kind
from twicetold.speech.transcript import Final, Word

pytestmark = pytest.mark.unit

RULES = parse_rules(
    """
categories:
  - name: churn
    rules:
      - name: wants to leave
        say: [cancel my contract]
        alert: Offer the loyalty discount.
"""
)


def said(event: int, text: str) -> Final:
    words = tuple(
        Word(event + 0.1 * index, event + 0.1 * index + 0.09, word)
        for index, word in enumerate(text.split())
    )
    return replace(final(event), text=text, words=words)


async def told(carriers: FakeCarriers, after: int, events: int, *, alerts: bool = True):
    hub = CaptionHub(FakeBroker())  # type: ignore[arg-type]
    hub.start()
    delivery = Delivery(carriers, hub, KEY, after, alerts=alerts)  # type: ignore[arg-type]
    given: list[Caption] = []
    try:
        await delivery.open()
        async with asyncio.timeout(5):
            while sum(caption.kind is Kind.FINAL for caption in given) < events:
                given += await delivery.receive()
    finally:
        await delivery.aclose()
        await hub.aclose()
    return [caption for caption in given if caption.kind in (Kind.FINAL, Kind.ALERT)]


@pytest.fixture
def carriers() -> FakeCarriers:
    made = running_call()
    made.ruled = (RULES, ())
    made.store(said(1, "good morning"))
    made.store(said(2, "i want to cancel my contract"))
    made.store(said(3, "as i said cancel my contract"))
    return made


async def test_an_alert_comes_behind_its_final(carriers):
    given = await told(carriers, 0, 3)
    assert [caption.kind for caption in given] == [Kind.FINAL, Kind.FINAL, Kind.ALERT, Kind.FINAL]
    assert given[2].body() == {
        "type": "alert",
        "event": 2,
        "channel": 0,
        "at": 2.3,
        "category": "churn",
        "rule": "wants to leave",
        "suggestion": "Offer the loyalty discount.",
    }


async def test_who_comes_back_is_not_alerted_again(carriers):
    given = await told(carriers, 2, 1)
    assert [caption.kind for caption in given] == [Kind.FINAL]


async def test_who_comes_back_before_the_final_is(carriers):
    given = await told(carriers, 1, 2)
    assert [caption.kind for caption in given] == [Kind.FINAL, Kind.ALERT, Kind.FINAL]


async def test_what_was_said_before_is_found_in_the_draft_as_well(carriers):
    carriers.save_draft()
    carriers.record = replace(carriers.record, finals=carriers.record.finals[2:])
    assert [caption.kind for caption in await told(carriers, 2, 1)] == [Kind.FINAL]


async def test_a_screen_that_shows_captions_shows_no_alerts(carriers):
    given = await told(carriers, 0, 3, alerts=False)
    assert all(caption.kind is Kind.FINAL for caption in given)
