"""Before a gateway's carriers answer: alive, not ready, and everybody is asked to come again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from twicetold.gateway.gate import Gate
from twicetold.observe.health import Health
from twicetold.observe.metrics import Metrics

pytestmark = pytest.mark.unit


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_shut_then_open() -> None:
    health = Health("gateway", Metrics())
    health.waiting["broker"] = "Waits for kafka."
    gate = Gate(health)
    transport = httpx.ASGITransport(app=gate)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        assert (await client.get("/healthz")).status_code == 200
        unready = await client.get("/readyz")
        assert (unready.status_code, unready.json()["reasons"]["broker"]) == (
            503,
            "Waits for kafka.",
        )
        refused = await client.put("/v1/recordings/call", content=b"sound")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.json()["error"]["retryable"] is True
        gate.open(app)
        for path in ("/healthz", "/readyz", "/v1/calls"):
            assert (await client.get(path)).status_code == 204


async def test_a_socket_is_turned_down_with_the_same_words() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/v1/live", "headers": []}
    await Gate(Health("gateway", Metrics()))(scope, receive, send)
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 503
