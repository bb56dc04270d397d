"""Promises of one process under ``kill -9``: ``python -m benchmarks chaos --broker file``.

Ten ``counter`` calls against one ``twicetold serve``, which is killed at 30 random moments; then
it is killed once at every numbered step of "Ingest", "A final" and the recorder
(docs/architecture.md). After each kill the server is started again and the clients resume.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos_calls import CallLog, make_call, speak, verdict
from benchmarks.common import save
from benchmarks.servers import Server

_VERDICT_WITHIN_S = 120.0
STEPS = (
    "ingest.before_publish",
    "ingest.after_publish",
    "ingest.before_position",
    "ingest.after_position",
    "final.before_store",
    "final.after_store",
    "final.after_publish",
    "final.before_release",
    "recorder.before_draft",
    "recorder.after_draft",
    "close.before_closed",
    "close.after_closed",
    "close.before_recording",
    "close.after_recording",
    "close.after_job",
)
# These bite only where a call has more than one part of a minute.
STEPS_OF_LONG_CALLS = ("close.after_recorded", "close.after_parts_removed")


async def killer(server: Server, kills: int, pause_s: tuple[float, float], seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(*pause_s))
        await server.kill()
        await server.start()


async def restarter(server: Server, finished: asyncio.Event) -> int:
    """Start the server again whenever it has killed itself; returns how often."""
    deaths = 0
    assert server.process is not None
    while not finished.is_set():
        waits = [
            asyncio.ensure_future(server.process.wait()),
            asyncio.ensure_future(finished.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if server.process.returncode is not None and not finished.is_set():
            deaths += 1
            await server.start()
    return deaths


def calls(count: int, seconds: float) -> list[CallLog]:
    """Calls whose integers begin at different numbers."""
    return [make_call(f"chaos-{number}", 1 + 1_000 * number, seconds) for number in range(count)]


async def random_kills(
    kills: int = 30, count: int = 10, seconds: float = 150.0, seed: int = 1
) -> dict[str, Any]:
    """Kill at random moments of running calls."""
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "data")
        await server.start()
        logs = calls(count, seconds)
        killing = asyncio.create_task(killer(server, kills, (1.0, seconds / kills - 1.0), seed))
        await asyncio.gather(*(speak(server.url, log) for log in logs))
        done_before_the_end = not killing.done()
        await killing
        result = await verdict(server.url, logs)
        await server.stop()
    return {"kills": kills, "calls_ended_before_the_last_kill": done_before_the_end, **result}


async def _verdict_unless_dead(server: Server, logs: list[CallLog]) -> dict[str, Any] | None:
    """None where the server died of its step while it was being asked."""
    try:
        return await verdict(server.url, logs)
    except httpx.TransportError:
        return None


async def step_kill(step: str, count: int = 3, seconds: float = 9.0) -> dict[str, Any]:
    """Let the server kill itself at one numbered step, once, then go on."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        flag = Path(directory) / step
        flag.touch()
        server = Server(data, command=("-m", "benchmarks.deadly", directory))
        await server.start()
        logs = calls(count, seconds)
        finished = asyncio.Event()
        restarting = asyncio.create_task(restarter(server, finished))
        await asyncio.gather(*(speak(server.url, log) for log in logs))
        async with asyncio.timeout(_VERDICT_WITHIN_S):
            while (result := await _verdict_unless_dead(server, logs)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        finished.set()
        deaths = await restarting
        if deaths and flag.exists():
            raise RuntimeError(f"the server died at {step} for another reason: {server.tail()}")
        await server.stop()
    return {"step": step, "deaths": deaths, **result}


def run(kills: int = 30, seconds: float = 150.0) -> dict[str, Any]:
    figures: dict[str, Any] = {"random": asyncio.run(random_kills(kills, seconds=seconds))}
    figures["steps"] = [asyncio.run(step_kill(step)) for step in STEPS]
    figures["steps"] += [asyncio.run(step_kill(s, seconds=66.0)) for s in STEPS_OF_LONG_CALLS]
    save("chaos", figures)
    return figures
