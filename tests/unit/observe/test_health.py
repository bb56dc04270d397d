"""A process's answers about itself, from its start to its end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from twicetold.errors import Unavailable
from twicetold.observe import health as module
from twicetold.observe.health import Health, Unfit, carrier, failing
from twicetold.observe.metrics import Metrics

pytestmark = pytest.mark.unit


async def ask(health: Health, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=health)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        return await client.get(path)


async def ready(health: Health) -> tuple[int, dict[str, Any]]:
    answer = await ask(health, "/readyz")
    return answer.status_code, answer.json()


async def test_a_worker_from_its_start_to_its_end() -> None:
    health = Health("live worker", Metrics())
    health.waiting["broker"] = "Waits for kafka://127.0.0.1:9092."
    status, body = await ready(health)
    assert (status, body["status"], body["role"]) == (503, "unready", "live worker")
    assert body["reasons"]["broker"] == "Waits for kafka://127.0.0.1:9092."
    del health.waiting["broker"]
    assert (await ready(health))[0] == 503  # it has yet to say that it is up

    answers = True

    async def broker() -> None:
        if not answers:
            raise Unavailable("Kafka does not answer.", "It goes on by itself.")

    health.up({"broker": broker})
    expected = {"status": "ok", "role": "live worker", "reasons": {}}
    assert await ready(health) == (200, expected)
    answers = False
    status, body = await ready(health)
    assert (status, body["reasons"]) == (503, {"broker": "unavailable: It goes on by itself."})
    answers = True
    health.stopping()
    status, body = await ready(health)
    assert (status, body["reasons"]) == (503, {"live worker": "It stops."})
    alive = await ask(health, "/healthz")
    assert (alive.status_code, alive.json()["status"]) == (200, "ok")


async def test_its_figures_and_nothing_else() -> None:
    health = Health("recorder", Metrics())
    answer = await ask(health, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "process_cpu_seconds_total" in answer.text
    assert (await ask(health, "/v1/calls")).status_code == 404


async def test_a_check_is_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECK_TIMEOUT_S", 0.05)

    async def well() -> None: ...

    async def unfit() -> None:
        raise Unfit("It is too full.")

    async def slow() -> None:
        await asyncio.sleep(60)

    async def foreign() -> None:
        raise KeyError("what somebody said")

    reasons = await failing({"well": well, "unfit": unfit, "slow": slow, "foreign": foreign})
    assert set(reasons) == {"unfit", "slow", "foreign"}
    assert reasons["unfit"] == "It is too full."
    assert "somebody" not in reasons["foreign"]


@pytest.mark.parametrize(
    ("error", "worker", "gateway"),
    [
        (
            Unavailable("Redis at 10.0.0.5:6379/0 does not answer.", away=True),
            "redis://10.0.0.5:6379 does not answer.",
            "redis does not answer.",
        ),
        (
            Unavailable("It waits for 10.0.0.7.", "It goes on by itself."),
            "redis://10.0.0.5:6379: It waits for 10.0.0.7. It goes on by itself.",
            "redis: unavailable: It goes on by itself.",
        ),
    ],
)
async def test_a_carrier_is_named_and_where_it_is_not_told_to_everybody(
    error: Unavailable, worker: str, gateway: str
) -> None:
    async def check() -> None:
        raise error

    told = carrier("redis://10.0.0.5:6379", check, told=True)
    scheme = carrier("redis", check, told=False)
    assert await failing({"a": told, "b": scheme}) == {"a": worker, "b": gateway}


async def test_a_carrier_that_says_nothing_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECK_TIMEOUT_S", 0.05)

    async def slow() -> None:
        await asyncio.sleep(60)

    reasons = await failing({"broker": carrier("kafka", slow, told=False)})
    assert reasons == {"broker": "kafka does not answer within 0 s."}
