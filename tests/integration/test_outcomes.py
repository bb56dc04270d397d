"""What came of a call: told over HTTP, kept, and counted in its lead score whenever it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api_harness import Api, error_of, live_call, running_api, serving
from tests.integration.batch_world import KEY, RATE, World, a_world, wav
from typer.testing import CliRunner

from twicetold.batch.enriching import Enriching
from twicetold.cli.main import app as cli
from twicetold.engines.counter import render
from twicetold.enrich.judging import ScoreLead, rubric_of
from twicetold.enrich.leads import parse_rubric, score_call
from twicetold.enrich.steps import Facts, Packed, Step, apply_packed
from twicetold.errors import Unavailable
from twicetold.queue import JobState
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment
from twicetold.transcripts import NewCall, Revision
from twicetold.webhooks import Announcer

pytestmark = pytest.mark.integration

RUBRIC = """
name: sales
base: 20
rules:
  - {name: three, weight: 5, say: "3"}
  - {name: booked, weight: 30, outcome: next_step, is: [demo, visit]}
  - {name: gone, weight: -10, outcome: left, is: "yes"}
"""
OURS = CallKey("default", "call-1")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    async with running_api(tmp_path, lead_rubric=str(tmp_path / "rubric.yaml")) as made:
        yield made


async def put(api: Api, body: Any, call_id: str = "call-1", **options: Any) -> dict[str, Any]:
    answer = await api.client.put(f"/v1/calls/{call_id}/outcomes", json=body, **options)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def scored(api: Api, key: CallKey, rubric: str = RUBRIC) -> None:
    """A call whose canonical transcript stands, with its score."""

    async def segments() -> AsyncIterator[Segment]:
        yield Segment(1, 0, 1.0, 2.0, "1 2 3")

    told = [one async for one in segments()]
    lead = score_call(parse_rubric(rubric), told, 10.0).to_dict()
    known = {"lead": lead, "removed_counts": {"phone": 1}}
    revision = Revision("r1", "counter", "en", 10.0, 1, lead_score=lead["score"], insights=known)
    await api.platform.transcripts.begin_call(NewCall(key, 1_000.0, 1, "upload", "en"))
    await api.platform.transcripts.save_canonical(key, revision, segments())


# --- over HTTP ------------------------------------------------------------------------------


async def test_outcomes_are_counted_in_the_score_that_stands(api: Api) -> None:
    await scored(api, OURS)
    before = (await api.client.get("/v1/calls/call-1")).json()
    assert (before["outcomes"], before["lead_score"]) == ({}, 25.0)
    told = {"next_step": "demo", "left": "yes"}
    assert await put(api, told) == {"outcomes": told, "counted": "yes", "lead_score": 45.0}
    after = (await api.client.get("/v1/calls/call-1")).json()
    assert after == {**before, "outcomes": told, "lead_score": 45.0}
    found = (await api.client.get("/v1/calls/call-1/insights")).json()
    assert [each["rule"] for each in found["lead"]["fired"]] == ["three", "booked", "gone"]
    assert (found["lead"]["score"], found["lead"]["unjudged"]) == (45, [])
    assert (found["revision"], found["removed_counts"]) == ("r1", {"phone": 1})
    # What is told later takes the place of all of it, and nothing of it is as at first.
    assert (await put(api, {"next_step": " visit "}))["outcomes"] == {"next_step": "visit"}
    assert await put(api, {}) == {"outcomes": {}, "counted": "yes", "lead_score": 25.0}
    assert (await api.client.get("/v1/calls/call-1")).json() == before
    assert (await api.client.get("/v1/calls")).json()["calls"] == [before]
    assert not (await api.platform.outbox.deliveries("default")).deliveries


async def test_outcomes_of_a_running_call_wait_for_its_score(api: Api) -> None:
    await live_call(api, OURS)
    told = {"next_step": "demo"}
    assert await put(api, told) == {"outcomes": told, "counted": "later", "lead_score": None}
    assert (await api.client.get("/v1/calls/call-1")).json()["outcomes"] == told


async def test_a_score_by_a_rubric_of_before_is_left_and_that_is_told(
    api: Api, tmp_path: Path
) -> None:
    await scored(api, OURS)
    (tmp_path / "rubric.yaml").write_text(RUBRIC.replace("weight: 30", "weight: 40"))
    told = await put(api, {"next_step": "demo"})
    assert (told["counted"], told["lead_score"]) == ("other_rubric", 25.0)
    (tmp_path / "rubric.yaml").write_text("no rubric any more")
    assert (await put(api, {"next_step": "demo"}))["counted"] == "other_rubric"
    assert (await api.client.get("/v1/calls/call-1")).json()["lead_score"] == 25.0
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    told = await put(api, {"next_step": "demo"})
    assert (told["counted"], told["lead_score"]) == ("yes", 55.0)


@pytest.mark.parametrize(
    "body",
    [
        [],
        "demo",
        {"next_step": 3},
        {"next_step": None},
        {"next_step": ["demo"]},
        {"": "demo"},
        {"next_step": " "},
        {"n" * 81: "demo"},
        {"next_step": "d" * 81},
        {f"name {n}": "x" for n in range(21)},
        {"next_step": "\ud800"},
        {"\ud800": "demo"},
        {"n" * 50_000: "demo"},
    ],
)
async def test_what_is_no_outcome_is_refused_and_changes_nothing(api: Api, body: Any) -> None:
    await scored(api, OURS)
    await put(api, {"left": "yes"})
    escaped = {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    answer = await api.client.put("/v1/calls/call-1/outcomes", **escaped)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "bad_parameter"
    assert len(error_of(answer)["message"]) < 200
    call = (await api.client.get("/v1/calls/call-1")).json()
    assert (call["outcomes"], call["lead_score"]) == ({"left": "yes"}, 15.0)


async def test_the_most_that_may_be_told(api: Api) -> None:
    await scored(api, OURS)
    told = {f"{n:02}{'ñ' * 78}": "ö" * 80 for n in range(20)}
    assert (await put(api, told))["outcomes"] == told
    assert (await api.client.get("/v1/calls/call-1")).json()["outcomes"] == told


async def test_outcomes_are_a_tenants_own(tmp_path: Path) -> None:
    async with running_api(tmp_path, ["acme", "other"]) as api:
        await scored(api, CallKey("acme", "call-1"))
        acme, other = api.as_tenant("acme"), api.as_tenant("other")
        url, told = "/v1/calls/call-1/outcomes", {"next_step": "demo"}
        assert (await api.client.put(url, json=told)).status_code == 401
        theirs = await api.client.put(url, json=told, headers=other)
        nobodys = await api.client.put(url.replace("call-1", "call-2"), json=told, headers=acme)
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert error_of(theirs)["code"] == error_of(nobodys)["code"] == "call_not_found"
        ticket = await api.client.post(
            "/v1/tickets", json={"call_id": "call-1", "scope": "captions"}, headers=acme
        )
        by_ticket = await api.client.put(f"{url}?ticket={ticket.json()['ticket']}", json=told)
        assert by_ticket.status_code == 400  # it is no parameter of this
        await api.client.put(url, json=told, headers=acme)
        shown = await api.client.get(f"/v1/calls/call-1?ticket={ticket.json()['ticket']}")
        assert (shown.status_code, shown.json()["outcomes"]) == (200, {})
        assert (await api.client.get("/v1/calls/call-1", headers=acme)).json()["outcomes"] == told
        # The tenant has no rubric now: the score that stands is left as it is.
        answer = (await api.client.put(url, json=told, headers=acme)).json()
        assert (answer["counted"], answer["lead_score"]) == ("other_rubric", 25.0)
        await api.client.delete("/v1/calls/call-1", headers=acme)
        assert (await api.client.put(url, json=told, headers=acme)).status_code == 410


async def test_the_command_says_them_and_what_they_did(api: Api) -> None:
    await scored(api, OURS)
    async with serving(api) as client:

        async def said(*arguments: str) -> tuple[str, str]:
            command = ["calls", "outcomes", "call-1", *arguments, "--url", str(client.base_url)]
            done = await asyncio.to_thread(CliRunner().invoke, cli, command)
            assert done.exit_code == 0, done.output
            return done.stdout, done.stderr

        assert await said() == ("", "No outcomes are known.\n")
        told = await said("next_step=demo", "left=no")
        assert told == ("next_step=demo\nleft=no\n", "Lead score: 55.\n")
        assert (await said())[0] == "left=no\nnext_step=demo\n"
        assert await said("--forget") == ("", "No outcomes are known.\nLead score: 25.\n")


# --- in the batch pass ----------------------------------------------------------------------


@dataclass
class Scoring:
    """Scores by the rubric, here; and lets others do something once the score is made."""

    world: World
    outcomes_after: dict[str, str] | None = None
    told: list[dict[str, str]] = field(default_factory=list)

    async def apply(self, step: Step, packed: Packed, facts: Facts) -> Packed:
        self.told.append(dict(facts.outcomes))
        made = apply_packed(step, packed, facts)
        if self.outcomes_after is not None:
            await self.world.transcripts.set_outcomes(KEY, self.outcomes_after)
        return made

    def enriching(self, tenant: str, language: str) -> Enriching:
        step = ScoreLead(RUBRIC, "rubric.yaml")
        return Enriching((step,), self.apply, rubric=rubric_of(RUBRIC, "rubric.yaml"))


class Listening(Announcer):
    """Notes the score with which a call was announced."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.scores: list[float | None] = []

    async def done(self, key: CallKey, name: str) -> None:
        call = await self._world.transcripts.call(key)
        assert call is not None
        self.scores.append(call.lead_score)

    async def failed(self, key: CallKey, name: str, code: str, error: str, hint: str) -> None:
        raise AssertionError(code)


async def transcribed(world: World, scoring: Scoring) -> tuple[list[float | None], dict[str, Any]]:
    """The scores that were announced, and the insight."""
    listening = Listening(world)
    await world.queue.submit(world.record(wav(render(0, 10, RATE))))
    async with world.worker(enriching=scoring.enriching, announcer=listening):
        await world.job(JobState.DONE)
    insights = await world.transcripts.insights(KEY)
    assert insights is not None
    return listening.scores, insights["lead"]


async def test_outcomes_that_are_known_count_from_the_first(world: World) -> None:
    await world.begin()
    await world.transcripts.set_outcomes(KEY, {"next_step": "visit"})
    scoring = Scoring(world)
    scores, lead = await transcribed(world, scoring)
    assert (scores, lead["unjudged"]) == ([55.0], ["gone"])
    assert scoring.told == [{"next_step": "visit"}]


async def test_outcomes_that_come_between_score_and_transcript_count_too(world: World) -> None:
    await world.begin()
    await world.transcripts.set_outcomes(KEY, {"next_step": "visit"})
    scores, lead = await transcribed(world, Scoring(world, {"left": "yes"}))
    assert (scores, lead["score"], lead["unjudged"]) == ([15.0], 15, ["booked"])


async def test_an_attempt_that_ends_before_they_are_counted_is_made_good_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescore, failures = world.transcripts.rescore, 1

    async def fails_once(*arguments: Any) -> bool:
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("The disk is busy.")
        return await rescore(*arguments)

    monkeypatch.setattr(world.transcripts, "rescore", fails_once)
    await world.begin()
    scoring = Scoring(world, {"next_step": "demo"})
    scores, lead = await transcribed(world, scoring)
    assert (failures, scores, lead["score"]) == (0, [55.0], 55)
    assert len(scoring.told) == 1, "the words and their score are not made again"


async def test_a_name_is_told_once(api: Api) -> None:
    await scored(api, OURS)
    twice = await api.client.put("/v1/calls/call-1/outcomes", json={"won": "no", " won": "yes"})
    assert twice.status_code == 400
    assert "once" in error_of(twice)["hint"]


@pytest.mark.parametrize("name", ["a\nb", "x\u001b[31m", "\u202e", "\u0000"])
async def test_what_a_terminal_would_heed_is_no_outcome(api: Api, name: str) -> None:
    await scored(api, OURS)
    for told in ({name + "x": "yes"}, {"won": name + "x"}):
        refused = await api.client.put("/v1/calls/call-1/outcomes", json=told)
        assert refused.status_code == 400
        assert "control" in error_of(refused)["hint"]
    assert (await api.client.get("/v1/calls/call-1")).json()["outcomes"] == {}
