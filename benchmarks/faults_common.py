"""What the single faults share: calls, what became of them, positions, memory, logs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
from confluent_kafka import Consumer, TopicPartition

from benchmarks.chaos_calls import CallLog, make_call, speak, verdict
from benchmarks.cluster import Cluster, Role
from benchmarks.common import peak_memory_mb, summary
from benchmarks.failover import delays_s

Figures = dict[str, Any]

UNDISTURBED_S = 5.0  # so late may a final of an undisturbed call be, on a machine with other work
MOST_GROWN_MB = 96.0  # above what a role had when it was ready
PREFIX = "chaos"  # of the topics; see ``cluster``


def ordinary(name: str, count: int, seconds: float, first: int = 1) -> list[CallLog]:
    """Calls that nothing is wrong with; the first is stereo."""
    return [
        make_call(f"{name}-{n}", first + 20_000 * n, seconds, stereo=n == 0) for n in range(count)
    ]


@asynccontextmanager
async def spoken(url: str, logs: Sequence[CallLog]) -> AsyncIterator[None]:
    """The calls are spoken beside the block, which ends once they are over."""
    async with asyncio.TaskGroup() as group:
        for log in logs:
            group.create_task(speak(url, log))
        yield


async def undisturbed(
    house: Cluster, logs: list[CallLog], since: float, until: float, most_s: float = UNDISTURBED_S
) -> tuple[Figures, list[str]]:
    """Figures of calls that a fault beside them must not have touched, and what is wrong with
    them. ``since`` and ``until``: when the fault lasted, by the monotonic clock; ``most_s``: how
    long a final of theirs may take then."""
    result = await verdict(house.url, logs)
    delays = summary(delays_s(logs, since, until))
    wrong = [f"{name}: {result[name]}" for name in ("errors", "wrong_calls") if result[name]]
    if not delays["n"] or delays["max"] > most_s:
        wrong.append(f"a final of another call took {delays['max']:.1f} s")
    return {"verdict": result, "final_s": delays}, wrong


def told_lag(logs: Iterable[CallLog]) -> Figures:
    """The most seconds of lag that each client was told, and whether all were told."""
    return {log.call_id: log.most_lag_s for log in logs}


async def figure(role: Role, name: str) -> float:
    """A role's own figure, by its name in ``/metrics``; NaN where it does not answer."""
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(timeout=5) as client:
            text = (await client.get(f"{role.url}/metrics")).text
        for line in text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    return float("nan")


def said(house: Cluster, kind: str, event: str) -> int:
    """How many lines of that kind of role's logs tell of the event."""
    texts = (role.log.read_text(errors="replace") for role in house.of(kind))
    return sum(event in line for text in texts for line in text.splitlines())


def memory_mb(house: Cluster) -> dict[str, float]:
    """Each role's peak so far, and of its children, such as engine hosts, the sum."""
    found = {}
    for role in house.roles:
        found[role.name] = round(peak_memory_mb(role.pid), 1)
        children = [peak_memory_mb(pid) for pid in _children(role.pid)]
        if children:
            found[f"{role.name}, its children"] = round(sum(children), 1)
    return found


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(each) for path in tasks for each in path.read_text().split()]
    return []


@dataclass
class Positions:
    """A group's positions in the audio topic, noted once a second."""

    house: Cluster
    group: str = "live"
    noted: list[tuple[float, dict[int, int]]] = field(default_factory=list)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    def standstill_s(self, partition: int, since: float, until: float) -> float:
        """The longest time for which the partition's position did not move between two moments;
        call it where messages came all the while."""
        longest, moved, last = 0.0, since, None
        for at, positions in self.noted:
            if since <= at <= until and (position := positions.get(partition)) is not None:
                if position != last:
                    moved, last = at, position
                longest = max(longest, at - moved)
        return round(longest, 1)

    async def _watch(self) -> None:
        read = self._in_kafka() if hasattr(self.house.broker, "address") else self._in_redis()
        while True:
            with contextlib.suppress(Exception):
                self.noted.append((time.monotonic(), await asyncio.to_thread(read)))
            await asyncio.sleep(1)

    def _in_kafka(self) -> Any:
        client = Consumer(
            {
                "bootstrap.servers": self.house.broker.address,
                "group.id": f"{PREFIX}.{self.group}.audio",
                "enable.auto.commit": False,
            }
        )
        topic = f"{PREFIX}.audio"

        def read() -> dict[int, int]:
            found = client.list_topics(topic, timeout=5).topics[topic].partitions
            asked = [TopicPartition(topic, number) for number in found]
            return {each.partition: each.offset for each in client.committed(asked, timeout=5)}

        return read

    def _in_redis(self) -> Any:
        client = redis.Redis.from_url(self.house.redis.url, decode_responses=True)
        pattern = f"*:group:{PREFIX}.{self.group}.audio.*:positions"

        def read() -> dict[int, int]:
            key = next(client.scan_iter(pattern), None)  # none before the first is noted
            found: Any = client.hgetall(key) if key else {}
            return {int(name.rpartition(".")[2]): int(at) for name, at in found.items()}

        return read
