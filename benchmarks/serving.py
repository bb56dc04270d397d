"""Calls through a running server faster than they would be spoken, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from twicetold.cli.bench_calls import MESSAGE_S, Samples
from twicetold.client import ApiClient, LiveClient


async def fast_call(url: str, call_id: str, sound: Samples, rate: int) -> list[dict[str, Any]]:
    """Send a whole call as quickly as the server takes it; its finals. The server must not end
    utterances when messages pause (``finalize_after_s``): it makes this client wait."""
    pcm = sound.astype("<i2").tobytes()
    size = int(MESSAGE_S * rate) * 2
    async with LiveClient(url, call_id=call_id, sample_rate=rate, channels=1) as client:

        async def send() -> None:
            for at in range(0, len(pcm), size):
                await client.send(pcm[at : at + size])
            await client.stop()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            finals = [event async for event in client.events() if event["type"] == "final"]
    return finals


async def transcripts_of(
    url: str, call_id: str, within_s: float = 1200.0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The segments of draft and canonical transcript, once the latter stands."""
    async with ApiClient(url) as api, asyncio.timeout(within_s):
        async for event in api.events(call_id):
            if event["type"] == "status" and event["status"] == "failed":
                raise RuntimeError(f"the batch pass of {call_id} failed")
        return await _segments(api, call_id, "draft"), await _segments(api, call_id, "canonical")


async def _segments(api: ApiClient, call_id: str, version: str) -> list[dict[str, Any]]:
    segments: Sequence[dict[str, Any]] = (await api.transcript(call_id, version))["segments"]
    return list(segments)
