"""What calls used: counted by both passes, told by the API and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.api_harness import Api, error_of, running_api
from tests.integration.batch_world import KEY, RATE, SETTINGS, World, a_world, wav
from tests.unit.batch.doubles import CountedEngine

from twicetold.config import Settings
from twicetold.engines import Sound
from twicetold.engines.counter import render
from twicetold.errors import EngineFailed, SettingError
from twicetold.queue import JobState
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Hypothesis
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup, UsageLine
from twicetold.wiring.opening import carriers

pytestmark = pytest.mark.integration

DAY_1, DAY_2 = 1_795_172_400.0, 1_795_258_800.0  # 2026-11-20 and -21, 11:00 UTC
DAYS = {"from": "2026-11-01", "to": "2026-11-30"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path, ["acme", "other"], currency="EUR") as made:
        yield made


async def used(world: World) -> UsageLine:
    return (await world.transcripts.usage(UsageFilter("acme"), [])).total


class Failing(CountedEngine):
    """Fake: takes a moment, and fails at its third chunk so many times."""

    failures = 2

    async def transcribe(self, sounds: list[Sound], language: str) -> list[Hypothesis]:
        await asyncio.sleep(0.05)
        if self.failures and len(self.calls) == 3:
            self.failures -= 1
            raise EngineFailed("It failed.")
        return await super().transcribe(sounds, language)


async def test_attempts_that_failed_have_computed_and_the_audio_counts_once(world: World) -> None:
    world.engine = Failing()
    await world.begin()
    async with world.worker(replace(SETTINGS, jobs_at_once=1)):
        await world.queue.submit(world.record(wav(render(0, 120, RATE))))
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    total = await used(world)
    assert call is not None
    assert (total.passes, total.attempts, total.audio_s) == (1, 3, call.length_s)
    # Each chunk that came to words took 0.05 s; what the failed ones took comes on top.
    assert total.compute_s > 0.05 * len(world.engine.calls) / world.engine.workers


async def test_a_job_that_is_given_up_has_computed_but_was_not_heard(world: World) -> None:
    world.engine = Failing()
    world.engine.failures = 99
    await world.begin()
    async with world.worker(replace(SETTINGS, jobs_at_once=1)):
        await world.queue.submit(world.record(wav(render(0, 120, RATE))))
        await world.job(JobState.FAILED)
    total = await used(world)
    assert (total.passes, total.attempts, total.audio_s) == (0, SETTINGS.job_attempts, 0.0)
    assert total.compute_s > 0.0


async def test_a_worker_that_stops_midway_has_computed_too(world: World) -> None:
    world.engine = engine = Failing()
    engine.failures = 0
    await world.begin()
    job = world.record(wav(render(0, 300, RATE)))
    for _ in range(2):
        async with world.worker(replace(SETTINGS, jobs_at_once=1)):
            await world.queue.submit(job)
            before = len(engine.calls)
            while len(engine.calls) < before + 3:
                await asyncio.sleep(0.01)
    interrupted = await used(world)
    assert (interrupted.attempts, interrupted.audio_s) == (2, 0.0)
    async with world.worker():
        await world.job(JobState.DONE)
    total = await used(world)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert (total.passes, total.attempts, total.audio_s) == (1, 3, call.length_s)
    assert total.compute_s > interrupted.compute_s


async def _use(api: Api, key: CallKey, pass_: str, at: float, compute_s: float = 2.0) -> None:
    one = Usage(key, pass_, "counter", 60.0, compute_s, device="cpu", at=at)
    await api.platform.transcripts.record_usage(one)


async def test_a_tenant_is_told_what_its_own_calls_used(api: Api) -> None:
    for name, at in (("c-1", DAY_1), ("c-2", DAY_2)):
        await _use(api, CallKey("acme", name), "batch", at)
        await _use(api, CallKey("acme", name), "live", at, 0.0)
    await _use(api, CallKey("other", "c-1"), "batch", DAY_1)
    asked = {**DAYS, "group": "day,pass"}
    body = (await api.client.get("/v1/usage", params=asked, headers=api.as_tenant("acme"))).json()
    assert (body["from"], body["to"], body["currency"]) == ("2026-11-01", "2026-11-30", "EUR")
    told = [(row["day"], row["pass"], row["audio_s"], row["compute_s"]) for row in body["rows"]]
    assert told == [
        ("2026-11-20", "batch", 60.0, 2.0),
        ("2026-11-20", "live", 60.0, 0.0),
        ("2026-11-21", "batch", 60.0, 2.0),
        ("2026-11-21", "live", 60.0, 0.0),
    ]
    assert body["rows"][0]["engine"] is None
    assert (body["total"]["passes"], body["total"]["audio_s"]) == (4, 240.0)
    mine = (await api.client.get("/v1/usage", params=DAYS, headers=api.as_tenant("other"))).json()
    assert mine["total"]["audio_s"] == 60.0
    assert (await api.client.get("/v1/usage")).status_code == 401


async def test_tokens_of_language_models_are_told(api: Api) -> None:
    await _use(api, CallKey("acme", "c-1"), "batch", DAY_1)
    one = Usage(CallKey("acme", "c-1"), "batch", "llm", 0.0, 0.0, "small", "remote", "only/llm")
    asked = replace(one, at=DAY_1, tokens_in=12_000, tokens_out=340)
    await api.platform.transcripts.record_usage(asked)
    wish = {**DAYS, "group": "engine"}
    body = (await api.client.get("/v1/usage", params=wish, headers=api.as_tenant("acme"))).json()
    told = [(row["engine"], row["tokens_in"], row["tokens_out"]) for row in body["rows"]]
    assert told == [("counter", 0, 0), ("llm", 12_000, 340)]
    assert (body["total"]["tokens_in"], body["total"]["tokens_out"]) == (12_000, 340)
    assert body["total"]["attempts"] == 1


async def test_usage_comes_in_pages(api: Api) -> None:
    for number in range(5):
        await _use(api, CallKey("acme", f"c-{number}"), "batch", DAY_1)
    asked = {**DAYS, "group": "call", "limit": "2"}
    seen: list[str] = []
    while True:
        answer = await api.client.get("/v1/usage", params=asked, headers=api.as_tenant("acme"))
        body = answer.json()
        seen += [row["call"] for row in body["rows"]]
        if body["cursor"] is None:
            break
        asked["cursor"] = body["cursor"]
    assert seen == [f"c-{number}" for number in range(5)]


async def test_a_deleted_calls_usage_is_told_without_its_name(api: Api) -> None:
    key = CallKey("acme", "c-1")
    await api.platform.transcripts.bury(CallKey("acme", "c-2"))
    await _use(api, key, "batch", DAY_1)
    await api.platform.transcripts.bury(key)
    asked = {**DAYS, "group": "call,engine"}
    body = (await api.client.get("/v1/usage", params=asked, headers=api.as_tenant("acme"))).json()
    [row] = body["rows"]
    assert (row["call"], row["engine"], row["audio_s"]) == ("", "counter", 60.0)


async def test_without_days_the_last_thirty_are_meant(api: Api) -> None:
    now = datetime.now(UTC).timestamp()
    await _use(api, CallKey("acme", "now"), "batch", now)
    await _use(api, CallKey("acme", "before"), "batch", now - 31 * 86_400)
    body = (await api.client.get("/v1/usage", headers=api.as_tenant("acme"))).json()
    assert (len(body["rows"]), body["total"]["audio_s"]) == (1, 60.0)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"group": "weekday"}, "weekday"),
        ({"from": "2026-02-30"}, "2026-02-30"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-12-01", "to": "2026-11-01"}, "after to"),
        ({"cursor": "made-up"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"first": "2026-11-01"}, "first"),
    ],
)
async def test_what_usage_does_not_take_is_said(api: Api, asked: dict[str, str], said: str) -> None:
    answer = await api.client.get("/v1/usage", params=asked, headers=api.as_tenant("acme"))
    assert answer.status_code in (400, 422)
    assert said in error_of(answer)["message"]


async def test_groups_are_told_in_the_order_asked_for(api: Api) -> None:
    await _use(api, CallKey("acme", "c-1"), "batch", DAY_1)
    every = ",".join(UsageGroup)
    asked = {**DAYS, "group": every}
    body = (await api.client.get("/v1/usage", params=asked, headers=api.as_tenant("acme"))).json()
    [row] = [{name: row[name] for name in UsageGroup} for row in body["rows"][:1]]
    assert row == {
        "day": "2026-11-20",
        "tenant": "acme",
        "call": "c-1",
        "pass": "batch",
        "engine": "counter",
        "model": "",
        "device": "cpu",
    }


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prices": "parakete=1/audio_min"}, "parakete"),
        ({"prices": "parakeet=1/hour"}, "1/hour"),
        ({"webhook_networks": "10.0.0.1/8"}, "10.0.0.1/8"),
    ],
)
async def test_a_mistake_in_a_setting_ends_the_start(
    tmp_path: Path, wrong: dict[str, str], named: str
) -> None:
    settings = Settings(data_dir=tmp_path, live_engine="counter", batch_engine="counter", **wrong)
    with pytest.raises(SettingError, match=named):
        async with carriers(settings):
            pass
