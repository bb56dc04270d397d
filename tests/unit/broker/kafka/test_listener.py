from __future__ import annotations

import asyncio
import threading
from typing import cast

import pytest
import structlog
from confluent_kafka import Consumer as KafkaClient
from tests.unit.broker.kafka_double import FakeMessage, messages

from twicetold.broker.kafka import listener as module
from twicetold.broker.kafka.listener import KafkaListener
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
TOPIC = "t.captions"


class FakeClient:
    """Knows where its partition ends; each poll gives what ``batches`` holds next, or raises it."""

    def __init__(self) -> None:
        self.batches: list[list[FakeMessage] | Exception] = []
        self._rest: list[FakeMessage] = []
        self.idle = threading.Event()

    def get_watermark_offsets(self, _place: object, _timeout_s: float) -> tuple[int, int]:
        if self.batches and isinstance(self.batches[0], Exception):
            raise self.batches[0]
        return 0, 0

    def assign(self, _places: object) -> None: ...

    def poll(self, timeout_s: float) -> FakeMessage | None:
        if not self.batches:
            self.idle.set()
            threading.Event().wait(min(timeout_s, 0.005))
            return None
        found = self.batches.pop(0)
        if isinstance(found, Exception):
            raise found
        self._rest = found[1:]
        return found[0]

    def consume(self, _most: int, _timeout_s: float) -> list[FakeMessage]:
        rest, self._rest = self._rest, []
        return rest

    def close(self) -> None: ...


def listening(client: FakeClient, failures: list[Unavailable]) -> KafkaListener:
    return KafkaListener(
        cast(KafkaClient, client), TOPIC, 1, closed=lambda _: None, failed=failures.append
    )


async def test_a_thread_that_fails_ends_its_listener_loudly() -> None:
    client = FakeClient()
    failures: list[Unavailable] = []
    listener = listening(client, failures)
    await listener.add(KEY)
    with structlog.testing.capture_logs() as logs:
        client.batches.append(ValueError("what somebody said"))
        with pytest.raises(Unavailable):
            await asyncio.wait_for(listener.receive(), 5)
    with pytest.raises(Unavailable):
        await listener.add(KEY)
    assert len(failures) == 1
    assert [line["event"] for line in logs] == ["broker_thread_failed"]
    assert "somebody" not in str(logs)
    await listener.aclose()


async def test_a_thread_that_fails_before_it_is_positioned_leaves_nobody_waiting() -> None:
    client = FakeClient()
    failures: list[Unavailable] = []
    client.batches.append(ValueError("foreign"))
    listener = listening(client, failures)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(listener.add(KEY), 5)
    await listener.aclose()


async def test_a_loop_that_is_busy_is_handed_no_more_than_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    client = FakeClient()
    listener = listening(client, [])
    await listener.add(KEY)
    client.batches = [messages(0, range(5)) for _ in range(6)]
    client.idle.clear()
    assert client.idle.wait(5)  # the loop does nothing else
    assert len(await asyncio.wait_for(listener.receive(), 5)) == 10
    client.batches.append(messages(0, range(5)))
    assert len(await asyncio.wait_for(listener.receive(), 5)) == 5
    await listener.aclose()
