"""Figures of a process: asked anew each time, and of nobody by name."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from twicetold.batch.shadow_orders import ShadowsDone
from twicetold.errors import Unavailable
from twicetold.observe.metrics import Metrics
from twicetold.queue import Tally
from twicetold.webhooks import Endpoint, EndpointState

pytestmark = pytest.mark.unit


async def figures(metrics: Metrics) -> dict[str, float]:
    text = (await metrics.rendered()).decode()
    samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
    return {s.name: s.value for s in samples if s.name.startswith("twicetold_")}


async def test_the_lag_of_a_role_is_that_of_its_calls() -> None:
    seconds: list[float] = []

    async def lags() -> list[float]:
        return seconds

    metrics = Metrics()
    metrics.lag("live", lags)
    assert await figures(metrics) == {
        "twicetold_live_lag_seconds": 0.0,
        "twicetold_live_lag_seconds_sum": 0.0,
        "twicetold_live_calls": 0.0,
    }
    seconds += [0.5, 12.25, 1.0]
    assert await figures(metrics) == {
        "twicetold_live_lag_seconds": 12.25,
        "twicetold_live_lag_seconds_sum": 13.75,
        "twicetold_live_calls": 3.0,
    }


async def test_what_cannot_be_known_is_no_number() -> None:
    away = False

    async def lags() -> list[float]:
        if away:
            raise Unavailable("The session store is away.")
        return [1.0, 2.0]

    metrics = Metrics()
    metrics.lag("record", lags)
    assert (await figures(metrics))["twicetold_record_lag_seconds"] == 2.0
    away = True
    found = await figures(metrics)
    assert math.isnan(found["twicetold_record_lag_seconds"])
    assert math.isnan(found["twicetold_record_lag_seconds_sum"])
    assert found["twicetold_record_calls"] == 2.0  # as last known


async def test_foreign_messages_are_counted_up() -> None:
    counts = iter((0, 3, 5))
    metrics = Metrics()
    metrics.foreign("live", lambda: next(counts))
    name = "twicetold_live_foreign_messages_total"
    assert [(await figures(metrics))[name] for _ in range(3)] == [0, 3, 5]


async def test_shadows_are_counted_and_those_that_wait_seen() -> None:
    done = ShadowsDone(made=2, failed=1, left_out=4, audio_s=60.5, compute_s=7.25)
    away = False

    async def tally() -> Tally:
        if away:
            raise Unavailable("The queue is away.")
        return Tally(waiting=3)

    metrics = Metrics()
    metrics.shadows(done, tally)
    found = await figures(metrics)
    assert {name: value for name, value in found.items() if not name.endswith("_created")} == {
        "twicetold_shadow_runs_total": 2.0,
        "twicetold_shadow_failures_total": 1.0,
        "twicetold_shadow_left_out_total": 4.0,
        "twicetold_shadow_audio_seconds_total": 60.5,
        "twicetold_shadow_compute_seconds_total": 7.25,
        "twicetold_shadow_waiting": 3.0,
    }
    done.made, away = 5, True
    found = await figures(metrics)
    assert found["twicetold_shadow_runs_total"] == 5.0
    assert math.isnan(found["twicetold_shadow_waiting"])


async def test_what_webhooks_have_to_tell_is_seen() -> None:
    away = False

    async def endpoints() -> list[Endpoint]:
        if away:
            raise Unavailable("The outbox is away.")
        well = Endpoint("wh_1", "acme", "https://example.com", ("call.completed",), 0.0, pending=3)
        ill = replace(well, state=EndpointState.DISABLED, pending=0, dropped=5)
        return [well, ill]

    metrics = Metrics()
    metrics.webhooks(endpoints)
    assert await figures(metrics) == {
        "twicetold_webhook_pending": 3.0,
        "twicetold_webhook_dropped": 5.0,
        "twicetold_webhook_disabled_endpoints": 1.0,
    }
    away = True
    assert all(math.isnan(value) for value in (await figures(metrics)).values())


async def test_roles_of_one_process_share_a_page() -> None:
    async def none() -> list[float]:
        return []

    async def two() -> list[float]:
        return [3.0, 0.25]

    metrics = Metrics()
    metrics.lag("live", none)
    metrics.lag("record", none)
    metrics.lag("gateway", two)
    found = await figures(metrics)
    assert {name: value for name, value in found.items() if "gateway" in name} == {
        "twicetold_gateway_lag_seconds": 3.0,
        "twicetold_gateway_lag_seconds_sum": 3.25,
        "twicetold_gateway_live_calls": 2.0,
    }
    assert len(found) == 9
    assert b"process_resident_memory_bytes" in await metrics.rendered()
    assert b"{tenant" not in await metrics.rendered()


@dataclass
class Counted:
    """A tally and the work done, as the queue and a batch worker give them."""

    waiting: int = 0
    running: int = 0
    failed: int = 0
    waited_s: float = 0.0
    finished: int = 0
    audio_s: float = 0.0


async def by_state(metrics: Metrics) -> dict[str, float]:
    text = (await metrics.rendered()).decode()
    samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
    return {s.labels["state"]: s.value for s in samples if s.name == "twicetold_batch_jobs"}


async def test_the_queue_is_shown_by_state_and_not_by_tenant() -> None:
    counted = Counted(waiting=3, running=1, failed=2, waited_s=77.5)

    async def tally() -> Counted:
        return counted

    metrics = Metrics()
    metrics.jobs(tally)
    assert await by_state(metrics) == {"waiting": 3, "running": 1, "failed": 2}
    assert (await figures(metrics))["twicetold_batch_oldest_waiting_seconds"] == 77.5
    counted.waiting = counted.failed = 0
    assert await by_state(metrics) == {"waiting": 0, "running": 1, "failed": 0}
    assert b"tenant=" not in await metrics.rendered()


@pytest.mark.parametrize("trouble", ["away", "slow"])
async def test_a_queue_that_does_not_answer_takes_no_other_figure_along(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twicetold.observe.metrics._PATIENCE_S", 0.02)

    async def tally() -> Counted:
        if trouble == "slow":
            await asyncio.Event().wait()
        raise Unavailable("The queue is busy.")

    metrics = Metrics()
    metrics.jobs(tally)
    metrics.foreign("live", lambda: 4)
    assert all(math.isnan(value) for value in (await by_state(metrics)).values())
    found = await figures(metrics)
    assert math.isnan(found["twicetold_batch_oldest_waiting_seconds"])
    assert found["twicetold_live_foreign_messages_total"] == 4


async def test_what_a_batch_worker_has_done_is_counted_up() -> None:
    done, metrics = Counted(), Metrics()
    metrics.batch_work(done)
    names = [f"twicetold_batch_{name}_total" for name in ("finished_jobs", "failed_jobs")]
    names.append("twicetold_batch_audio_seconds_total")
    found = await figures(metrics)
    assert [found[name] for name in names] == [0, 0, 0]
    done.finished, done.failed, done.audio_s = 3, 1, 12.5
    found = await figures(metrics)
    assert [found[name] for name in names] == [3, 1, 12.5]


@dataclass
class Doing:
    """A test double: how an engine does."""

    served: int = 0
    failures: int = 0
    out: bool = False


async def test_engines_are_shown_by_pass_and_name_and_forgotten_when_opened_anew() -> None:
    metrics, doing = Metrics(), Doing()
    metrics.engines("live", {"parakeet:v3": doing})
    metrics.engines("batch", {"old": Doing(9)})
    guarded = Counter({"silence": 2})
    metrics.engines("batch", {"pocketsphinx": Doing(2, 1, out=True)}, {"pocketsphinx": guarded})
    guarded["loop"] += 3
    doing.served = 7
    told = (await metrics.rendered()).decode()
    assert 'twicetold_engine_served_total{engine="parakeet:v3",pass="live"} 7.0' in told
    assert 'twicetold_engine_failures_total{engine="pocketsphinx",pass="batch"} 1.0' in told
    assert 'twicetold_engine_out{engine="pocketsphinx",pass="batch"} 1.0' in told
    for reason, count in (("silence", "2.0"), ("loop", "3.0")):
        labels = f'engine="pocketsphinx",pass="batch",reason="{reason}"'
        assert f"twicetold_engine_guarded_total{{{labels}}} {count}" in told
    assert 'engine="old"' not in told
