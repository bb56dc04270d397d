"""End of a call → its canonical transcript.

``python -m benchmarks turnaround`` speaks a stereo call made of the samples into a
``twicetold serve`` on the defaults (pocketsphinx in both passes) at its real speed, ends it, and
counts the time from the client's ``stop`` to the moment at which the canonical transcript can be
read. The last caption (``done``) and the job's beginning are noted on the way.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import save
from benchmarks.recordings import RATE, conversation, sample_calls
from benchmarks.servers import Server
from twicetold.cli.bench_calls import Samples
from twicetold.client import ApiClient, LiveClient

MESSAGE_S = 0.1
_LOOK_S = 0.05


def run(data: Path | None = None, seconds: float = 124.0, speed: float = 1.0) -> dict[str, Any]:
    sound = conversation(seconds, data) if data is not None else sample_calls(seconds)
    figures = asyncio.run(_measure(sound, speed))
    allowed = 0.25 * figures["audio_s"] + 5.0
    figures |= {"allowed_s": allowed, "share_of_allowed": figures["canonical_s"] / allowed}
    save("turnaround", figures)
    return figures


async def _measure(sound: Samples, speed: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        server = Server(Path(directory) / "data", engine="pocketsphinx")
        await server.start()
        try:
            stopped, done = await _speak(server.url, sound, speed)
            load = os.getloadavg()[0]
            moments = await _follow(server.url, stopped)
        finally:
            await server.stop()
    return {
        "audio_s": len(sound) / RATE,
        "load_at_the_end_of_the_call": load,
        "done_s": done - stopped,
        **moments,
    }


async def _speak(url: str, sound: Samples, speed: float) -> tuple[float, float]:
    """The moments of ``stop`` and of ``done``."""
    client = LiveClient(url, call_id="call", sample_rate=RATE, channels=2)
    stopped = 0.0

    async def send() -> None:
        nonlocal stopped
        began, size = time.perf_counter(), int(MESSAGE_S * RATE)
        for number, first in enumerate(range(0, len(sound), size)):
            await asyncio.sleep(began + number * MESSAGE_S / speed - time.perf_counter())
            await client.send(sound[first : first + size].astype("<i2").tobytes())
        await client.stop()
        stopped = time.perf_counter()

    async with client, asyncio.TaskGroup() as group:
        group.create_task(send())
        async for _ in client.events():
            pass
    return stopped, time.perf_counter()


async def _follow(url: str, stopped: float) -> dict[str, float]:
    """When the job began, and when the canonical transcript stood."""
    moments: dict[str, float] = {}
    async with ApiClient(url) as api:
        while True:
            status = (await api.call("call"))["status"]
            now = time.perf_counter() - stopped
            if status in ("transcribing", "done"):
                moments.setdefault("job_began_s", now)
            if status == "done":
                transcript = await api.transcript("call", "canonical")
                moments["canonical_s"] = time.perf_counter() - stopped
                moments["segments"] = len(transcript["segments"])
                return moments
            if status == "failed":
                raise RuntimeError("The job failed.")
            await asyncio.sleep(_LOOK_S)
