"""What a message costs in the file broker: publish, write and receive, in one process.

``python benchmarks/micro_broker.py --calls 200 --seconds 5``: every call publishes 6.4 KB
each 200 ms, evenly spread; a live and a record consumer receive and release all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

import uvloop

from twicetold.broker import Consumer, Delivery, Group, Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.speech.identity import CallKey

_INTERVAL_S = 0.2
_TICK_S = 0.001
_WARM_UP_S = 1.5


async def _receive(consumer: Consumer, latencies: list[float] | None) -> int:
    count = 0
    while batch := await consumer.receive():
        now = time.monotonic()
        for item in batch:
            if isinstance(item, Delivery):
                count += 1
                consumer.release(item)
                if latencies is not None:
                    latencies.append(now - float(item.value[:20]))
    return count


async def _publish(broker: FileBroker | None, calls: int, seconds: float) -> int:
    """Publish on time, or only keep the time where there is no broker."""
    keys = [CallKey("bench", f"call-{number}") for number in range(calls)]
    body = os.urandom(6380)
    begun = time.monotonic()
    sent = 0
    while (now := time.monotonic()) < begun + seconds:
        while begun + sent * _INTERVAL_S / calls <= now:
            value = f"{time.monotonic():020.9f}".encode() + body
            if broker is not None:
                broker.publish(Topic.AUDIO, keys[sent % calls], value)
            sent += 1
        await asyncio.sleep(_TICK_S)
    return sent


async def _measure(directory: Path, calls: int, seconds: float) -> dict[str, float]:
    before = time.process_time()
    sent = await _publish(None, calls, seconds)
    clock_us = (time.process_time() - before) / sent * 1e6
    broker = FileBroker(directory)
    await broker.start()
    latencies: list[float] = []
    readers = [
        asyncio.create_task(_receive(broker.consume(Topic.AUDIO, Group.LIVE), latencies)),
        asyncio.create_task(_receive(broker.consume(Topic.AUDIO, Group.RECORD), None)),
    ]
    warm = await _publish(broker, calls, _WARM_UP_S)  # makes the files; not measured
    latencies.clear()
    before = time.process_time()
    sent = await _publish(broker, calls, seconds)
    await asyncio.sleep(0.1)
    cpu_us = (time.process_time() - before) / sent * 1e6
    await broker.aclose()
    counts = await asyncio.gather(*readers)
    assert counts == [warm + sent] * 2, (counts, warm, sent)
    latencies.sort()
    return {
        "messages": sent,
        "cpu_us_per_message": round(cpu_us - clock_us, 1),
        "latency_ms_p50": round(latencies[len(latencies) // 2] * 1e3, 2),
        "latency_ms_p99": round(latencies[len(latencies) * 99 // 100] * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = uvloop.run(_measure(Path(directory), options.calls, options.seconds))
    print(json.dumps({"calls": options.calls, **figures}))


if __name__ == "__main__":
    main()
