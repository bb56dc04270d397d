"""Calls that carry integers, spoken at real speed whatever happens, and what became of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from twicetold.client import LiveClient
from twicetold.engines.counter import render
from twicetold.errors import TwicetoldError

RATE = 16_000
MESSAGE_S = 0.1


@dataclass
class CallLog:
    """One call: what was sent, what came back."""

    call_id: str
    sound: bytes
    numbers: list[list[str]]  # per channel
    finals: list[dict[str, Any]] = field(default_factory=list)
    acked_samples: int = 0
    most_lag_s: float = 0.0
    lags: list[float] = field(default_factory=list)  # as they were told
    sent_at: list[float] = field(default_factory=list)  # by the monotonic clock, per message
    heard_at: list[float] = field(default_factory=list)  # the same, per final
    begun: bool = False  # its client was told that the call is there
    stalls_s: dict[int, float] = field(default_factory=dict)  # before the message at that byte
    done: bool = False
    error: str = ""

    @property
    def channels(self) -> int:
        return len(self.numbers)


def make_call(call_id: str, first: int, seconds: float, *, stereo: bool = False) -> CallLog:
    """Groups of four integers make utterances; the other side's begin a second later."""
    sides, numbers = [], []
    for channel in range(2 if stereo else 1):
        begin = first + 500_000 * channel
        four_s = len(render(begin, 4, RATE, group=4, pause_s=0.9)) / 2 / RATE
        wanted = 4 * max(1, round(seconds / four_s))
        lead = bytes(2 * int(RATE * (0.13 * (first % 7) + 1.0 * channel)))
        sides.append(lead + render(begin, wanted, RATE, group=4, pause_s=0.9))
        numbers.append([str(value) for value in range(begin, begin + wanted)])
    return CallLog(call_id, _interleaved(sides), numbers)


def _interleaved(sides: list[bytes]) -> bytes:
    length = max(map(len, sides))
    padded = [np.frombuffer(side.ljust(length, b"\0"), "<i2") for side in sides]
    return np.stack(padded, axis=1).tobytes()


async def speak(url: str, log: CallLog, *, retry_for_s: float = 180.0) -> None:
    """Send a call at real speed, resuming as often as it takes."""
    frame = 2 * log.channels
    step = int(RATE * MESSAGE_S) * frame
    client = LiveClient(
        url,
        call_id=log.call_id,
        sample_rate=RATE,
        channels=log.channels,
        retry_for_s=retry_for_s,
        buffer_bytes=16 * 1024 * 1024,
    )
    try:
        async with client:
            log.begun = True
            listening = asyncio.create_task(_listen(client, log, step // frame))
            due = time.monotonic()
            for at in range(0, len(log.sound), step):
                if (stall_s := log.stalls_s.get(at)) is not None:
                    await asyncio.sleep(stall_s)
                    due = time.monotonic()
                log.sent_at.append(time.monotonic())
                await client.send(log.sound[at : at + step])
                due = max(due + MESSAGE_S, time.monotonic() - 1.0)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await client.stop()
            await listening
    except (TwicetoldError, RuntimeError) as error:  # the report tells of it
        code = getattr(error, "code", type(error).__name__)
        log.error = f"{code}: {error}"


async def _listen(client: LiveClient, log: CallLog, samples: int) -> None:
    async for event in client.events(acks=True):
        if event["type"] == "final":
            log.finals.append(event)
            log.heard_at.append(time.monotonic())
        elif event["type"] == "ack":
            log.acked_samples = max(log.acked_samples, (event["seq"] + 1) * samples)
        elif event["type"] == "lagging":
            log.lags.append(event["seconds"])
            log.most_lag_s = max(log.most_lag_s, event["seconds"])
    log.done = True


async def verdict(url: str, logs: list[CallLog], within_s: float = 90.0) -> dict[str, Any]:
    """What was lost, doubled or out of order, over all calls. What is still to come has so long."""
    totals: dict[str, Any] = {
        "calls": len(logs), "finals": 0, "words_sent": 0, "audio_bytes_lost": 0,
        "words_lost": 0, "words_doubled": 0, "finals_out_of_order": 0, "draft_wrong": 0,
        "canonical_wrong": 0, "canonical_missing": 0, "errors": [], "wrong_calls": [],
    }  # fmt: skip
    deadline = time.monotonic() + within_s
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        for log in logs:
            before = _wrongs(totals)
            _count_heard(log, totals)
            if log.sent_at:  # else it never began, and nothing is stored of it
                await _check_stored(client, log, totals, deadline)
            if _wrongs(totals) != before:
                totals["wrong_calls"].append(log.call_id)
    return totals


def _wrongs(totals: dict[str, Any]) -> tuple[Any, ...]:
    kept = ("calls", "finals", "words_sent", "wrong_calls")
    return tuple(
        len(value) if isinstance(value, list) else value
        for name, value in totals.items()
        if name not in kept
    )


def _count_heard(log: CallLog, totals: dict[str, Any]) -> None:
    if log.error or not log.done:
        totals["errors"].append(f"{log.call_id}: {log.error or 'no done'}")
    events = [final["event"] for final in log.finals]
    totals["finals"] += len(events)
    totals["finals_out_of_order"] += events != list(range(1, len(events) + 1))
    for channel, numbers in enumerate(log.numbers):
        mine = [final for final in log.finals if final["channel"] == channel]
        heard = [word["text"] for final in mine for word in final["words"]]
        totals["words_sent"] += len(numbers)
        totals["words_lost"] += len(set(numbers) - set(heard))
        totals["words_doubled"] += len(heard) - len(set(heard))
        totals["finals_out_of_order"] += heard != sorted(heard, key=int)


async def _check_stored(
    client: httpx.AsyncClient, log: CallLog, totals: dict[str, Any], deadline: float
) -> None:
    await _until_told(client, log, deadline)
    answer = await client.get(f"/v1/calls/{log.call_id}/audio")
    audio = answer.content[44:] if answer.status_code == 200 else b""
    if audio != log.sound:
        pairs = zip(audio, log.sound, strict=False)
        same = next((at for at, (a, b) in enumerate(pairs) if a != b), len(audio))
        acked = min(len(log.sound), 2 * log.channels * log.acked_samples)
        totals["audio_bytes_lost"] += max(1, acked - same)
    # A recorder that died leaves the draft to another, which may take it up after the canonical
    # transcript is there.
    draft = await _words(client, log, "draft")
    while draft != log.numbers and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        draft = await _words(client, log, "draft")
    totals["draft_wrong"] += draft != log.numbers
    canonical = await _words(client, log, "canonical")
    totals["canonical_missing"] += canonical is None
    totals["canonical_wrong"] += canonical is not None and canonical != log.numbers


async def _words(client: httpx.AsyncClient, log: CallLog, version: str) -> list[list[str]] | None:
    """Per channel, the words of a transcript; None where there is none."""
    answer = await client.get(f"/v1/calls/{log.call_id}/transcript", params={"version": version})
    if answer.status_code != 200:
        return None
    found: list[list[str]] = [[] for _ in log.numbers]
    for segment in answer.json().get("segments", []):
        found[segment["channel"]] += [word["text"] for word in segment["words"]]
    return found


async def _until_told(client: httpx.AsyncClient, log: CallLog, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            answer = await client.get(f"/v1/calls/{log.call_id}")
            if answer.status_code == 200 and answer.json()["status"] in ("done", "failed"):
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
