"""Transport: what a message costs from the socket through the log and a null engine and back.

``python -m benchmarks transport`` runs, one after another on the same machine, a bare
``websockets`` echo server and the gateway with the file log, the live worker and the null
engine (activity detection and recorder off), each under the same load from another process:
200 sockets, a 6.4 KB message every 200 ms each. Both servers use uvloop and no compression.
The full path (Silero and the recorder on, ``full``) is reported in µs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
import websockets
import websockets.asyncio.server

from benchmarks.common import cpu_seconds, save, summary

MESSAGE_SAMPLES = 3_200
MESSAGE_S = 0.2
RATE = 16_000


# --- servers (run in a process of their own) -----------------------------------------


async def echo(port: int) -> None:
    async def handler(socket: websockets.asyncio.server.ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with websockets.asyncio.server.serve(handler, "127.0.0.1", port, compression=None):
        await asyncio.get_running_loop().create_future()


class AlwaysSpeech:
    """An activity detector that is off: every message is one frame, and is speech."""

    frame_s = MESSAGE_S
    blocking = False

    def start(self, rate: int) -> object:
        return None

    def frame_samples(self, rate: int) -> int:
        return round(rate * MESSAGE_S)

    def probabilities(self, state: object, pcm: bytes) -> tuple[list[float], object]:
        return [1.0] * (len(pcm) // (2 * MESSAGE_SAMPLES)), None


async def product(port: int, data_dir: Path, *, full: bool) -> None:
    """The gateway and the live worker on the embedded adapters; ``full`` adds VAD and recorder."""
    import uvicorn

    from twicetold.config import Settings
    from twicetold.engines.registry import open_live
    from twicetold.engines.silero import SileroActivity
    from twicetold.gateway.app import create_app
    from twicetold.live.engines import LiveEngines
    from twicetold.live.worker import LiveWorker
    from twicetold.wiring.opening import carriers
    from twicetold.wiring.passes import live_settings
    from twicetold.wiring.roles import at_work, record_carriers, recorder
    from twicetold.wiring.web import uvicorn_config

    settings = Settings(
        data_dir=data_dir, live_engine="null", batch_engine="null", port=port, partial_interval_ms=0
    )
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(carriers(settings))
        engine = await open_live("null", hosts=1, timeout_s=30)
        activity = SileroActivity() if full else AlwaysSpeech()
        live = live_settings(settings)
        engines = LiveEngines.alone(engine)
        worker = LiveWorker(platform.broker, platform.sessions, engines, activity, live)
        roles = {"live": worker.run()}
        if full:
            roles["record"] = recorder(record_carriers(platform), settings, platform.outbox).run()
        await stack.enter_async_context(at_work(roles))
        app = create_app(platform)
        await stack.enter_async_context(app.router.lifespan_context(app))
        await uvicorn.Server(uvicorn_config(app, host="127.0.0.1", port=port)).serve()


# --- load ----------------------------------------------------------------------------


class Load:
    """Sockets that send a message every 200 ms and note how long its answer takes."""

    def __init__(self, url: str, *, echoes: bool, seconds: float) -> None:
        self._url, self._echoes, self._seconds = url, echoes, seconds
        self.latencies_ms: list[float] = []
        self.messages = 0
        self.measuring = False

    async def one(self, number: int, began: asyncio.Event) -> None:
        url = self._url if self._echoes else f"{self._url}?call_id=load-{number}"
        async with websockets.connect(url, compression=None, max_queue=None) as socket:
            if not self._echoes:
                await socket.recv()
            await began.wait()
            sent: list[float] = []
            reader = asyncio.create_task(self._read(socket, sent))
            try:
                await self._send(socket, sent)
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    async def _send(self, socket: Any, sent: list[float]) -> None:
        loop = asyncio.get_running_loop()
        pcm = random.Random(7).randbytes(2 * MESSAGE_SAMPLES)
        due = loop.time() + random.random() * MESSAGE_S
        end = due + self._seconds
        while due < end:
            await asyncio.sleep(max(0.0, due - loop.time()))
            sent.append(time.perf_counter())
            await socket.send(struct.pack("<I", len(sent) - 1) + pcm)
            self.messages += self.measuring
            due += MESSAGE_S

    async def _read(self, socket: Any, sent: list[float]) -> None:
        answered = 0
        async for message in socket:
            now = time.perf_counter()
            if self._echoes:
                reached = answered + 1
            elif '"type":"partial"' in message:
                end = float(message.split('"end":', 1)[1].split(",", 1)[0])
                reached = min(len(sent), -(-round(end * RATE) // MESSAGE_SAMPLES))
            else:
                continue
            for index in range(answered, reached):
                if self.measuring:
                    self.latencies_ms.append(1000 * (now - sent[index]))
            answered = max(answered, reached)


async def drive(
    load: Load, sockets: int, pid: int, warm_s: float, measure_s: float
) -> dict[str, Any]:
    began = asyncio.Event()
    tasks = [asyncio.create_task(load.one(number, began)) for number in range(sockets)]
    await asyncio.sleep(2)
    began.set()
    await asyncio.sleep(warm_s)
    load.measuring, before = True, cpu_seconds(pid)
    await asyncio.sleep(measure_s)
    load.measuring, spent = False, cpu_seconds(pid) - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "cpu_us_per_message": 1e6 * spent / max(1, load.messages),
        "messages": load.messages,
        "latency_ms": summary(load.latencies_ms),
    }


@asynccontextmanager
async def server(kind: str, port: int) -> AsyncIterator[int]:
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks.transport", kind, str(port), directory]
        process = await asyncio.create_subprocess_exec(*command)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            await process.wait()


async def measure(kind: str, sockets: int, measure_s: float) -> dict[str, Any]:
    port = 18_400 + os.getpid() % 500 + {"echo": 0, "transport": 1, "full": 2}[kind]
    path = "/" if kind == "echo" else "/v1/live"
    load = Load(f"ws://127.0.0.1:{port}{path}", echoes=kind == "echo", seconds=measure_s + 30)
    async with server(kind, port) as pid:
        return await drive(load, sockets, pid, 5, measure_s)


def run(sockets: int = 200, full_sockets: int = 50, measure_s: float = 20.0) -> dict[str, Any]:
    """All three, and the ratio that counts."""
    figures: dict[str, Any] = {"sockets": sockets, "full_sockets": full_sockets}
    for kind in ("echo", "transport", "full"):
        count = full_sockets if kind == "full" else sockets
        figures[kind] = uvloop.run(measure(kind, count, measure_s))
    figures["ratio"] = (
        figures["transport"]["cpu_us_per_message"] / figures["echo"]["cpu_us_per_message"]
    )
    added = figures["transport"]["latency_ms"]["p99"] - figures["echo"]["latency_ms"]["p99"]
    figures["added_latency_p99_ms"] = added
    save("transport", figures)
    return figures


def _child() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["echo", "transport", "full"])
    parser.add_argument("port", type=int)
    parser.add_argument("data_dir", type=Path)
    given = parser.parse_args()
    if given.kind == "echo":
        uvloop.run(echo(given.port))
    else:
        uvloop.run(product(given.port, given.data_dir, full=given.kind == "full"))


if __name__ == "__main__":
    _child()
