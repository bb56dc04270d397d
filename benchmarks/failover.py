"""How long captions take after a death: ``python -m benchmarks failover [--broker NAME]``.

Twenty paced calls on a cluster. A live worker is killed (``kill -9``), and not started again until
it is measured how long the finals took of all speech that ended within the 15 s after: from the
moment the end of the utterance was sent to the arrival of its final. Repeated; then the same for a
gateway, whose clients have to find another one. The dead one's calls wait, the others do not: of
those finals that took longer than any had before the first kill the figures come once more.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.chaos_calls import MESSAGE_S, CallLog, make_call, speak, verdict
from benchmarks.cluster import Cluster, cluster, keep_logs
from benchmarks.common import save, summary

CALLS, WINDOW_S, CALM_S = 20, 15.0, 30.0


def delays_s(logs: list[CallLog], since: float, until: float) -> list[float]:
    """Of every final whose speech was sent to its end between two moments."""
    found = []
    for log in logs:
        for final, heard_at in zip(log.finals, log.heard_at, strict=True):
            message = min(len(log.sent_at) - 1, int(final["end"] / MESSAGE_S))
            if since <= log.sent_at[message] < until:
                found.append(heard_at - log.sent_at[message])
    return found


def longer(delays: list[float], calm: list[float]) -> list[float]:
    """Those that waited: for want of any, all."""
    return [delay for delay in delays if delay > max(calm)] or delays


async def kills(house: Cluster, kind: str, logs: list[CallLog], times: int) -> list[float]:
    found: list[float] = []
    for number in range(times):
        role = house.of(kind)[number % len(house.of(kind))]
        await role.kill()
        died = time.monotonic()
        await asyncio.sleep(WINDOW_S + CALM_S)
        found += delays_s(logs, died, died + WINDOW_S)
        await role.start()
        await role.until_ready()
        await asyncio.sleep(10)
    return found


async def measure(broker: str, times: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        async with cluster(Path(directory), broker) as house:
            seconds = 20 + 2 * times * (WINDOW_S + CALM_S + 25)
            logs = [make_call(f"f-{n}", 1 + 20_000 * n, seconds) for n in range(CALLS)]
            speaking = [asyncio.create_task(speak(house.url, log)) for log in logs]
            await asyncio.sleep(15)
            calm_from = time.monotonic()
            await asyncio.sleep(15)
            calm = delays_s(logs, calm_from, calm_from + 12)
            found = {kind: await kills(house, kind, logs, times) for kind in ("live", "gateway")}
            await asyncio.gather(*speaking)
            result = await verdict(house.url, logs)
            if result["wrong_calls"]:
                keep_logs(house.logs, f"failover-{broker}")
    return {
        "broker": broker,
        "kills": times,
        "calm_s": summary(calm),
        **{f"{kind}_killed_s": summary(delays) for kind, delays in found.items()},
        **{
            f"{kind}_killed_waited_s": summary(longer(delays, calm))
            for kind, delays in found.items()
        },
        "failed": bool(result["errors"] or result["wrong_calls"]),
        "verdict": result,
    }


def run(broker: str = "kafka", strikes: int = 5) -> dict[str, Any]:
    figures = asyncio.run(measure(broker, strikes))
    save(f"failover-{broker}", figures)
    return figures
