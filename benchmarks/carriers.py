"""What carriers cost the roles: ``python -m benchmarks carriers``.

*gateway*: processor time that a gateway takes for a chunk (200 sockets, 6.4 KB every 200 ms each,
nobody reads the log) over the embedded log, Kafka and RabbitMQ, one after another in one run.
*throughput*: one gateway, one live worker with the null engine and no activity detection, Kafka
and Redis on the same two cores; how many chunks a second come back as partials, and what each
process takes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvloop
from tests.carriers.redis_server import RedisServer

from benchmarks.cluster import BROKERS
from benchmarks.common import cpu_seconds, peak_memory_mb, save
from benchmarks.servers import free_port
from benchmarks.transport import AlwaysSpeech, Load, drive

SOCKETS = 200


# --- roles (run in a process of their own) ----------------------------------------------


async def role(kind: str, port: int, data_dir: Path, broker: str, sessions: str) -> None:
    """A gateway without anyone behind it, or a live worker that judges and recognises nothing."""
    import uvicorn

    from twicetold.config import Settings
    from twicetold.gateway.app import create_app
    from twicetold.wiring.opening import carriers
    from twicetold.wiring.web import uvicorn_config

    settings = Settings(
        data_dir=data_dir, live_engine="null", batch_engine="null", port=port,
        partial_interval_ms=0, broker=broker, sessions=sessions,
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(carriers(settings, kind))
        app = create_app(platform)
        await stack.enter_async_context(app.router.lifespan_context(app))
        if kind == "live":
            await stack.enter_async_context(_worker(platform, settings))
        await uvicorn.Server(uvicorn_config(app, host="127.0.0.1", port=port)).serve()


@asynccontextmanager
async def _worker(platform: Any, settings: Any) -> AsyncIterator[None]:
    from twicetold.engines.registry import open_live
    from twicetold.live.engines import LiveEngines
    from twicetold.live.worker import LiveWorker
    from twicetold.wiring.passes import live_settings
    from twicetold.wiring.roles import at_work

    engine = await open_live("null", hosts=1, timeout_s=30)
    worker = LiveWorker(
        platform.broker,
        platform.sessions,
        LiveEngines.alone(engine),
        AlwaysSpeech(),
        live_settings(settings),
    )
    async with at_work({"live": worker.run()}):
        yield


@asynccontextmanager
async def started(kind: str, data_dir: Path, broker: str, sessions: str) -> AsyncIterator[Any]:
    """Yields the process, once it answers; its port is ``process.port``."""
    port = free_port()
    process: Any = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.carriers", kind, str(port), str(data_dir), broker,
        sessions, stdout=sys.stderr,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(timeout=5) as client, asyncio.timeout(60):
            while True:
                try:
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        process.port = port
        yield process
    finally:
        process.terminate()
        await process.wait()


# --- measurements -----------------------------------------------------------------------


@asynccontextmanager
async def servers(
    kind: str, directory: Path, *, sqlite: bool = False
) -> AsyncIterator[tuple[str, str, int | None]]:
    """The broker's URL, the session store's, and the broker's process."""
    if kind == "file":
        yield "file://", "sqlite://", None
        return
    broker, redis = BROKERS[kind](directory / kind), RedisServer(directory / "redis")
    await asyncio.to_thread(broker.start)
    await asyncio.to_thread(redis.start)
    try:
        sessions = "sqlite://" if sqlite else f"{redis.url}/0"
        yield f"{broker.url}/bench", sessions, broker.pid
    finally:
        await asyncio.to_thread(redis.stop)
        await asyncio.to_thread(broker.stop)


async def gateway(kind: str, measure_s: float, *, sqlite: bool = True) -> dict[str, Any]:
    """``sqlite``: the session store is the same for all brokers; else Redis."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            servers(kind, directory, sqlite=sqlite) as (broker, sessions, _),
            started("gateway", directory / "data", broker, sessions) as process,
        ):
            load = Load(_live(process.port), echoes=False, seconds=measure_s + 30)
            driven = await drive(load, SOCKETS, process.pid, 5, measure_s)
            return {
                "cpu_us_per_chunk": round(driven["cpu_us_per_message"], 1),
                "chunks": driven["messages"],
                "peak_memory_mb": round(peak_memory_mb(process.pid), 1),
            }


async def throughput(kind: str, sockets: int, measure_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            servers(kind, directory) as (broker, sessions, broker_pid),
            started("gateway", directory / "data", broker, sessions) as front,
            started("live", directory / "data", broker, sessions) as worker,
        ):
            pids = {"gateway": front.pid, "live": worker.pid, "broker": broker_pid,
                    "callers": os.getpid()}  # fmt: skip
            load = Load(_live(front.port), echoes=False, seconds=measure_s + 40)
            watching = asyncio.create_task(_watch(load, pids))
            driven = await drive(load, sockets, front.pid, 10, measure_s)
            cores = await watching
            return {
                "offered_chunks_per_s": sockets * 5,
                "sent_chunks_per_s": round(driven["messages"] / measure_s),
                "answered_chunks_per_s": round(driven["latency_ms"]["n"] / measure_s),
                "latency_ms": driven["latency_ms"],
                "cores": cores,
                "peak_memory_mb": {
                    name: round(peak_memory_mb(pid), 1) for name, pid in pids.items() if pid
                },
            }


async def _watch(load: Load, pids: dict[str, int | None]) -> dict[str, float]:
    """Cores that each process takes while it is measured."""
    while not load.measuring:  # noqa: ASYNC110 - a flag of the load, which others use too
        await asyncio.sleep(0.01)
    began, before = time.perf_counter(), {n: cpu_seconds(p) for n, p in pids.items() if p}
    while load.measuring:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began
    return {n: round((cpu_seconds(p) - before[n]) / took, 2) for n, p in pids.items() if p}


def _live(port: int) -> str:
    return f"ws://127.0.0.1:{port}/v1/live"


def run(measure_s: float = 20.0) -> dict[str, Any]:
    figures: dict[str, Any] = {"gateway": {}, "throughput": []}
    for kind in ("file", "kafka", "rabbitmq"):
        figures["gateway"][kind] = uvloop.run(gateway(kind, measure_s))
    figures["gateway"]["kafka and Redis"] = uvloop.run(gateway("kafka", measure_s, sqlite=False))
    costs = {kind: each["cpu_us_per_chunk"] for kind, each in figures["gateway"].items()}
    figures["kafka_to_file"] = round(costs["kafka"] / costs["file"], 2)
    figures["rabbitmq_to_file"] = round(costs["rabbitmq"] / costs["file"], 2)
    for sockets in (400, 480, 560):
        figures["throughput"].append(uvloop.run(throughput("kafka", sockets, measure_s)))
    save("carriers", figures)
    return figures


if __name__ == "__main__":
    kind, port, data_dir, broker, sessions = sys.argv[1:]
    uvloop.run(role(kind, int(port), Path(data_dir), broker, sessions))
