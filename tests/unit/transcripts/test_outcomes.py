"""What came of a call and its score: whichever comes second has it counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from twicetold.speech.identity import CallKey
from twicetold.transcripts import Call, Status
from twicetold.transcripts.outcomes import Counted, settle_outcomes

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
CALL = Call(
    KEY,
    Status.DONE,
    source="upload",
    language="en",
    channels=1,
    started_at=1.0,
    canonical_revision="r1",
    lead_score=20.0,
    outcomes={"won": "yes"},
)
SCORED = {"metrics": {}, "lead": {"score": 20}}


class OneCall:
    """A call, and who comes in between before it is written."""

    def __init__(self, call: Call | None, insights: dict[str, Any] | None) -> None:
        self.now, self.insights_now = call, insights
        self.between: list[Callable[[OneCall], None]] = []
        self.before_insights: Callable[[OneCall], None] | None = None
        self.written = self.set_alone = 0

    async def call(self, key: CallKey) -> Call | None:
        return self.now

    async def insights(self, key: CallKey) -> dict[str, Any] | None:
        if self.before_insights is not None:
            self.before_insights(self)
        return self.insights_now

    async def set_outcomes(self, key: CallKey, outcomes: Mapping[str, str]) -> None:
        assert self.now is not None
        self.now, self.set_alone = replace(self.now, outcomes=outcomes), self.set_alone + 1

    async def rescore(
        self,
        seen: Call,
        lead_score: float,
        insights: dict[str, Any],
        outcomes: Mapping[str, str],
    ) -> bool:
        if self.between:
            self.between.pop()(self)
        assert self.now is not None
        same = (seen.canonical_revision, seen.outcomes) == (
            self.now.canonical_revision,
            self.now.outcomes,
        )
        if same:
            self.written += 1
            self.now = replace(self.now, lead_score=lead_score, outcomes=outcomes)
            self.insights_now = insights
        return same


def fifty_for_a_yes(lead: Mapping[str, Any], outcomes: Mapping[str, str]) -> dict[str, Any]:
    return {**lead, "score": 50 if outcomes.get("won") == "yes" else 20}


async def settled(store: OneCall, rescored: Any = fifty_for_a_yes) -> tuple[Counted, float | None]:
    return await settle_outcomes(store, KEY, rescored)  # type: ignore[arg-type]


async def test_the_score_that_stands_counts_them_and_all_else_stays() -> None:
    store = OneCall(CALL, SCORED)
    assert await settled(store) == (Counted.YES, 50)
    assert store.insights_now == {"metrics": {}, "lead": {"score": 50}}
    assert store.now == replace(CALL, lead_score=50)


async def test_what_counts_them_already_is_not_written_again() -> None:
    store = OneCall(replace(CALL, outcomes={}), SCORED)
    assert await settled(store) == (Counted.YES, 20.0)
    assert store.written == 0


@pytest.mark.parametrize(
    ("call", "insights", "told"),
    [
        (None, None, (Counted.LATER, None)),
        (replace(CALL, canonical_revision=None, lead_score=None), None, (Counted.LATER, None)),
        (replace(CALL, lead_score=None), {"metrics": {}}, (Counted.NOT_SCORED, None)),
    ],
)
async def test_where_there_is_no_score_that_is_told(
    call: Call | None, insights: dict[str, Any] | None, told: tuple[Counted, float | None]
) -> None:
    store = OneCall(call, insights)
    assert await settled(store) == told
    assert store.written == 0


async def test_a_score_by_another_rubric_stays() -> None:
    store = OneCall(CALL, SCORED)
    assert await settled(store, lambda lead, outcomes: None) == (Counted.OTHER_RUBRIC, 20.0)
    assert store.written == 0


async def test_who_comes_in_between_is_counted_too() -> None:
    """Other outcomes, and then another transcript."""

    def other_outcomes(store: OneCall) -> None:
        store.now = replace(CALL, outcomes={"won": "no"})

    def other_transcript(store: OneCall) -> None:
        assert store.now is not None
        store.now = replace(store.now, canonical_revision="r2", outcomes={"won": "yes"})
        store.insights_now = {"lead": {"score": 30}}

    store = OneCall(CALL, {"lead": {"score": 30}})
    store.between = [other_transcript, other_outcomes]
    assert await settled(store) == (Counted.YES, 50)
    assert (store.written, store.insights_now) == (1, {"lead": {"score": 50}})


async def test_who_finds_it_done_by_another_tells_the_score_that_stands() -> None:
    store = OneCall(CALL, SCORED)

    def another(there: OneCall) -> None:
        assert there.now is not None
        there.now = replace(there.now, lead_score=50.0)
        there.insights_now = {**SCORED, "lead": {"score": 50}}

    store.before_insights = another
    assert await settled(store) == (Counted.YES, 50)
    assert store.written == 0


async def test_what_is_told_is_written_with_what_it_changes() -> None:
    store = OneCall(replace(CALL, outcomes={}), SCORED)
    found = await settle_outcomes(store, KEY, fifty_for_a_yes, {"won": "yes"})  # type: ignore[arg-type]
    assert found == (Counted.YES, 50)
    assert store.now is not None
    assert (store.now.outcomes, store.now.lead_score) == ({"won": "yes"}, 50)
    assert (store.written, store.set_alone) == (1, 0)


async def test_what_is_told_before_there_is_a_score_is_kept_for_it() -> None:
    store = OneCall(replace(CALL, canonical_revision=None, outcomes={}), None)
    found = await settle_outcomes(store, KEY, fifty_for_a_yes, {"won": "yes"})  # type: ignore[arg-type]
    assert found == (Counted.LATER, None)
    assert store.now is not None
    assert store.now.outcomes == {"won": "yes"}
    assert (store.written, store.set_alone) == (0, 1)
