"""What events tell of a call: figures, never words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from twicetold.enrich.metrics.model import OF_CALL, OF_SPEAKER
from twicetold.errors import CorruptDatabase, Unavailable
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Call, Status
from twicetold.webhooks.announcing import CallAnnouncer, figures

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
CALL = Call(
    KEY,
    Status.DONE,
    "live",
    "en",
    2,
    1000.0,
    ended_at=1060.0,
    length_s=60.0,
    draft_engine="quick",
    canonical_engine="careful",
    sentiment=0.5,
    lead_score=70.0,
)


@dataclass
class Kept:
    """Fake: one call, and what is known of it."""

    known: Call | None = CALL
    insights_: dict[str, Any] | None = None

    async def call(self, key: CallKey) -> Call | None:
        return self.known

    async def insights(self, key: CallKey) -> dict[str, Any] | None:
        return self.insights_


@dataclass
class Emitted:
    """Fake: an outbox that keeps what it is given."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    error: Exception | None = None

    async def emit(self, *event: Any) -> None:
        if self.error is not None:
            raise self.error
        self.events.append(event)


async def told(kept: Kept) -> list[tuple[Any, ...]]:
    emitted = Emitted()
    announcer = CallAnnouncer(emitted, kept)  # type: ignore[arg-type]
    for name in ("plan-1", "plan-1", "plan-2"):
        await announcer.done(KEY, name)
    await announcer.failed(KEY, "job", "not_audio", "It is no sound.", "Send sound.")
    return emitted.events


async def test_a_call_is_told_with_its_figures_and_without_its_words() -> None:
    spoken = "my card is four one one one"
    insights = {
        "metrics": {
            "silence_s": 2,
            "gaps": [spoken],
            "speakers": [
                {"speaker": "agent", "talk_s": 30.5, "said": spoken},
                {"speaker": spoken, "talk_s": 1.0},
                spoken,
            ],
        },
        "alerts": [{"text": spoken}],
        "removed": [{"kind": "phone", "text": spoken}],
    }
    done, again, other, failed = await told(Kept(insights_=insights))
    assert done == again
    assert done[4] != other[4]
    tenant, kind, call_id, data, _ = done
    assert (tenant, kind, call_id) == ("acme", "call.completed", "call-1")
    assert data["metrics"] == {"silence_s": 2, "speakers": {"agent": {"talk_s": 30.5}}}
    assert (data["status"], data["engine"], data["length_s"]) == ("done", "careful", 60.0)
    assert (data["sentiment"], data["lead_score"], data["provisional"]) == (0.5, 70.0, False)
    assert spoken not in json.dumps([done, failed])
    assert failed[1] == "call.failed"
    assert failed[3]["error"] == {
        "code": "not_audio",
        "message": "It is no sound.",
        "hint": "Send sound.",
    }


async def test_an_outbox_that_is_damaged_fails_no_transcript_and_a_busy_one_is_asked_later() -> (
    None
):
    emitted = Emitted(error=CorruptDatabase("The database is damaged."))
    announcer = CallAnnouncer(emitted, Kept())  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as logged:
        await announcer.done(KEY, "plan-1")
    assert [entry["event"] for entry in logged] == ["webhook_not_queued"]
    emitted.error = Unavailable("The database is busy.")
    with pytest.raises(Unavailable):
        await announcer.done(KEY, "plan-1")


async def test_of_a_deleted_call_nothing_is_told() -> None:
    assert await told(Kept(known=None)) == []


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        ("words", None),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, None),
        ({"a": float("nan"), "b": True, "c": [1, 2]}, {"b": True}),
        ({1: 2.5}, {"1": 2.5}),
    ],
)
def test_figures_are_numbers_under_names(value: object, kept: object) -> None:
    assert figures(value) == kept


async def test_the_metrics_that_the_pass_makes_are_told_whole() -> None:
    speaker = {"speaker": "agent"} | dict.fromkeys(OF_SPEAKER, 1)
    measured = dict.fromkeys(OF_CALL, 2) | {"speakers": [speaker]}
    done = (await told(Kept(insights_={"metrics": measured})))[0]
    metrics = done[3]["metrics"]
    assert set(metrics) == {*OF_CALL, "speakers"}
    assert metrics["speakers"] == {"agent": dict.fromkeys(OF_SPEAKER, 1)}
