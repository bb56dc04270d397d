"""Promises under ``kill -9``: no acknowledged audio lost, no final lost, doubled or disordered.

``python -m benchmarks chaos`` runs ten ``counter`` calls (their audio carries consecutive
integers) against one ``twicetold serve`` and kills that at 30 random moments; then it kills
it once at every numbered step of "Ingest" and of "A final" (docs/architecture.md). After each
kill the server is started again and the clients resume. Then it compares: the recording with
what was sent (bytes), the captions with the integers (each once, in order), the draft and the
canonical transcript likewise.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.common import save
from benchmarks.servers import Server
from twicetold.client import LiveClient
from twicetold.engines.counter import render
from twicetold.errors import TwicetoldError

RATE = 16_000
MESSAGE_S = 0.1
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


@dataclass
class CallLog:
    """One call: what was sent, what came back."""

    call_id: str
    sound: bytes
    numbers: list[str]
    finals: list[dict[str, Any]] = field(default_factory=list)
    acked_samples: int = 0
    done: bool = False
    error: str = ""


async def speak(server: Server, log: CallLog) -> None:
    """Send a call at real speed, resuming as often as it takes."""
    step = int(RATE * MESSAGE_S) * 2
    client = LiveClient(server.url, call_id=log.call_id, sample_rate=RATE)
    try:
        async with client:
            listening = asyncio.create_task(_listen(client, log, step))
            due = time.monotonic()
            for at in range(0, len(log.sound), step):
                await client.send(log.sound[at : at + step])
                due = max(due + MESSAGE_S, time.monotonic() - 1.0)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await client.stop()
            await listening
    except (TwicetoldError, RuntimeError) as error:  # the report tells of it
        log.error = f"{type(error).__name__}: {error}"


async def _listen(client: LiveClient, log: CallLog, step: int) -> None:
    async for event in client.events(acks=True):
        if event["type"] == "final":
            log.finals.append(event)
        elif event["type"] == "ack":
            log.acked_samples = max(log.acked_samples, (event["seq"] + 1) * step // 2)
    log.done = True


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
    """Calls whose integers begin at different numbers; groups of a few make utterances."""
    made = []
    for number in range(count):
        first = 1 + 1_000 * number
        four_s = len(render(first, 4, RATE, group=4, pause_s=0.9)) / 2 / RATE
        wanted = 4 * max(1, round(seconds / four_s))
        lead = bytes(2 * int(RATE * 0.13 * number))
        sound = lead + render(first, wanted, RATE, group=4, pause_s=0.9)
        numbers = [str(value) for value in range(first, first + wanted)]
        made.append(CallLog(f"chaos-{number}", sound, numbers))
    return made


async def verdict(server: Server, logs: list[CallLog], within_s: float = 60.0) -> dict[str, Any]:
    """What was lost, doubled or out of order, over all calls."""
    totals: dict[str, Any] = {
        "calls": len(logs), "finals": 0, "words_sent": 0, "audio_bytes_lost": 0,
        "words_lost": 0, "words_doubled": 0, "finals_out_of_order": 0,
        "draft_wrong": 0, "canonical_wrong": 0, "canonical_missing": 0, "errors": [],
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        for log in logs:
            if log.error or not log.done:
                totals["errors"].append(f"{log.call_id}: {log.error or 'no done'}")
            heard = [word["text"] for final in log.finals for word in final["words"]]
            events = [final["event"] for final in log.finals]
            totals["finals"] += len(events)
            totals["words_sent"] += len(log.numbers)
            totals["words_lost"] += len(set(log.numbers) - set(heard))
            totals["words_doubled"] += len(heard) - len(set(heard))
            ordered = events == list(range(1, len(events) + 1)) and heard == sorted(heard, key=int)
            totals["finals_out_of_order"] += not ordered
            await _check_stored(client, log, totals, within_s)
    return totals


async def _check_stored(
    client: httpx.AsyncClient, log: CallLog, totals: dict[str, Any], within_s: float
) -> None:
    deadline = time.monotonic() + within_s
    call: dict[str, Any] = {}
    while time.monotonic() < deadline:
        call = (await client.get(f"/v1/calls/{log.call_id}")).json()
        if call.get("status") in ("done", "failed"):
            break
        await asyncio.sleep(0.2)
    audio = (await client.get(f"/v1/calls/{log.call_id}/audio")).content[44:]
    wanted = log.sound
    if audio != wanted:
        same = next(
            (i for i, (a, b) in enumerate(zip(audio, wanted, strict=False)) if a != b), None
        )
        matched = len(audio) if same is None else same
        totals["audio_bytes_lost"] += max(1, min(len(wanted), 2 * log.acked_samples) - matched)
    for version in ("draft", "canonical"):
        answer = await client.get(
            f"/v1/calls/{log.call_id}/transcript", params={"version": version}
        )
        if version == "canonical" and answer.status_code != 200:
            totals["canonical_missing"] += 1
            continue
        words = [word["text"] for seg in answer.json()["segments"] for word in seg["words"]]
        totals[f"{version}_wrong"] += words != log.numbers


async def random_kills(
    kills: int = 30, count: int = 10, seconds: float = 150.0, seed: int = 1
) -> dict[str, Any]:
    """Kill at random moments of running calls."""
    with tempfile.TemporaryDirectory() as directory:
        server = Server(Path(directory) / "data")
        await server.start()
        logs = calls(count, seconds)
        killing = asyncio.create_task(killer(server, kills, (1.0, seconds / kills - 1.0), seed))
        await asyncio.gather(*(speak(server, log) for log in logs))
        done_before_the_end = not killing.done()
        await killing
        result = await verdict(server, logs)
        await server.stop()
    return {"kills": kills, "calls_ended_before_the_last_kill": done_before_the_end, **result}


async def _verdict_unless_dead(server: Server, logs: list[CallLog]) -> dict[str, Any] | None:
    """None where the server died of its step while it was being asked."""
    try:
        return await verdict(server, logs)
    except httpx.TransportError:
        return None


async def step_kill(step: str, count: int = 3, seconds: float = 9.0) -> dict[str, Any]:
    """Let the server kill itself at one numbered step, once, then go on."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        flag = Path(directory) / "armed"
        flag.touch()
        server = Server(data, command=("-m", "benchmarks.deadly", step, str(flag)))
        await server.start()
        logs = calls(count, seconds)
        finished = asyncio.Event()
        restarting = asyncio.create_task(restarter(server, finished))
        await asyncio.gather(*(speak(server, log) for log in logs))
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
