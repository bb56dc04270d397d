"""What a broker adds to a chunk: ``python -m benchmarks brokers``.

One process publishes for 100 calls, 6.4 KB every 200 ms each, and receives what it published in
the live group: the time from ``publish`` to the delivery, and to the confirmation, over the
embedded log, Kafka and RabbitMQ, each on this machine, with the processor time that the process
(librdkafka's threads included) took for a chunk.
"""

from __future__ import annotations

import asyncio
import os
import struct
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.cluster import BROKERS
from benchmarks.common import cpu_seconds, save, summary
from twicetold.broker import Broker, Delivery, Group, Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.speech.identity import CallKey

CALLS, CHUNK_BYTES, CHUNK_S = 100, 6_400, 0.2
_STAMP = struct.Struct("<d")


@asynccontextmanager
async def opened(kind: str, directory: Path) -> AsyncIterator[Broker]:
    """A started broker of that kind, its server with it."""
    if kind == "file":
        broker: Broker = FileBroker(directory / "log")
        await broker.start()
        yield broker
        await broker.aclose()
        return
    server = BROKERS[kind](directory)
    await asyncio.to_thread(server.start)
    try:
        broker = _client(kind, f"{server.url}/bench")
        await broker.start()
        yield broker
        await broker.aclose()
    finally:
        await asyncio.to_thread(server.stop)


def _client(kind: str, url: str) -> Broker:
    if kind == "kafka":
        from twicetold.broker.kafka.broker import KafkaBroker

        return KafkaBroker(url)
    from tests.contracts.coordination_double import FakeCoordination

    from twicetold.broker.rabbitmq.broker import RabbitBroker

    return RabbitBroker(url, FakeCoordination())


async def measure(kind: str, seconds: float, warm_s: float = 3.0) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        async with opened(kind, Path(directory)) as broker:
            return await _paced(broker, seconds, warm_s)


async def _paced(broker: Broker, seconds: float, warm_s: float) -> dict[str, Any]:
    delivered_ms: list[float] = []
    confirmed_ms: list[float] = []
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)
    measuring = asyncio.Event()

    async def receive() -> None:
        while batch := await consumer.receive():
            now = time.perf_counter()
            for item in batch:
                if isinstance(item, Delivery):
                    consumer.release(item)
                    if measuring.is_set():
                        (sent,) = _STAMP.unpack_from(item.value)
                        delivered_ms.append(1000 * (now - sent))

    async def confirm(sent: float, published: Any) -> None:
        await published
        if measuring.is_set():
            confirmed_ms.append(1000 * (time.perf_counter() - sent))

    async def speak(number: int, until: float) -> None:
        key, rest = CallKey("bench", f"call-{number}"), os.urandom(CHUNK_BYTES - _STAMP.size)
        due = time.perf_counter() + CHUNK_S * number / CALLS
        while due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            published = broker.publish(Topic.AUDIO, key, _STAMP.pack(sent) + rest)
            confirming.add(task := asyncio.create_task(confirm(sent, published)))
            task.add_done_callback(confirming.discard)
            due += CHUNK_S

    confirming: set[asyncio.Task[None]] = set()
    receiving = asyncio.create_task(receive())
    until = time.perf_counter() + warm_s + seconds
    speaking = [asyncio.create_task(speak(number, until)) for number in range(CALLS)]
    await asyncio.sleep(warm_s)
    measuring.set()
    before = cpu_seconds(os.getpid())
    await asyncio.gather(*speaking)
    spent = cpu_seconds(os.getpid()) - before
    await asyncio.sleep(0.5)
    await consumer.aclose()
    await receiving
    return {
        "publish_to_delivery_ms": summary(delivered_ms),
        "publish_to_confirmation_ms": summary(confirmed_ms),
        "cpu_us_per_chunk": round(1e6 * spent / max(1, len(delivered_ms)), 1),
    }


def run(seconds: float = 30.0) -> dict[str, Any]:
    figures = {kind: uvloop.run(measure(kind, seconds)) for kind in ("file", "kafka", "rabbitmq")}
    save("brokers", figures)
    return figures
