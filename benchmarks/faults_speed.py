"""A client that sends faster than it was spoken: one that catches up with an hour, or floods."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.chaos_calls import RATE
from benchmarks.cluster import Cluster
from benchmarks.faults_common import Figures, ordinary, spoken, undisturbed
from twicetold.engines.counter import render

_KEPT_S = 1_800
_PIECE_S = 0.5
_CATCHES_UP_FOR_S = 30.0


async def catches_up(house: Cluster) -> Figures:
    """Half an hour at once, in the one partition that all calls share."""
    logs = ordinary("spoken", 4, 50)
    sound = render(900_001, 8 * _KEPT_S // 5, RATE, group=8, pause_s=0.6)[: 2 * RATE * _KEPT_S]
    began = time.monotonic()
    async with spoken(house.url, logs):
        await asyncio.sleep(8)
        since = time.monotonic()
        figures = await _catch_up(house.url, sound)
        until = time.monotonic()
    beside, wrong = await undisturbed(house, logs, since, until, most_s=2.0)
    if figures["acknowledged_s"] < 2 * figures["took_s"]:
        wrong.append("it did not catch up")
    return {**figures, **beside, "began_after_s": round(since - began, 1), "wrong": wrong}


async def _catch_up(url: str, sound: bytes) -> Figures:
    query = urlencode({"call_id": "kept", "sample_rate": RATE, "age_s": _KEPT_S + 60})
    live_url = f"{url.replace('http', 'ws', 1)}/v1/live?{query}"
    step, began, acknowledged, most_lag_s = int(2 * RATE * _PIECE_S), time.monotonic(), 0, 0.0
    async with connect(live_url, ping_interval=None) as socket:
        sending = asyncio.create_task(_send(socket, sound, step))
        try:
            async with asyncio.timeout(_CATCHES_UP_FOR_S):
                async for text in socket:
                    event = json.loads(text)
                    if event["type"] == "ack":
                        acknowledged = event["seq"] + 1
                    most_lag_s = max(most_lag_s, event.get("seconds", 0.0))
                    if acknowledged * step >= len(sound):
                        break
        except TimeoutError:
            pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    took_s = time.monotonic() - began
    return {
        "acknowledged_s": round(acknowledged * _PIECE_S, 1),
        "took_s": round(took_s, 1),
        "its_lag_s": most_lag_s,
    }


async def _send(socket: ClientConnection, sound: bytes, step: int) -> None:
    for seq, at in enumerate(range(0, len(sound), step)):
        await socket.send(struct.pack("<I", seq) + sound[at : at + step])
