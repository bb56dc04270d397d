"""Figures of a process: asked anew each time, and of nobody by name."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from twicetold.errors import Unavailable
from twicetold.observe.metrics import Metrics

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
