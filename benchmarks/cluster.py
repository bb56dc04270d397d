"""The product as many processes on real carriers, each of which can be killed, stopped and woken.

A balancer stands before the gateways as it would in production: it asks ``/readyz`` and passes
each new connection to one that is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.carriers.kafka_server import KafkaServer
from tests.carriers.process import free_port
from tests.carriers.rabbitmq_server import RabbitServer
from tests.carriers.redis_server import RedisServer

BROKERS = {"kafka": KafkaServer, "rabbitmq": RabbitServer}
_PIECE = 64 * 1024


@dataclass
class Shape:
    """How many of each."""

    gateways: int = 3
    live: int = 3
    record: int = 2
    batch: int = 1


class Role:
    """One process of the product: ``twicetold gateway``, or ``twicetold worker live``."""

    def __init__(
        self,
        name: str,
        command: tuple[str, ...],
        environment: dict[str, str],
        log: Path,
        program: tuple[str, ...] = ("-m", "twicetold"),
    ) -> None:
        self.name, self.command, self.log = name, command, log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment, self._program = environment, program
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *self._program, *self.command, "--port", str(self.port),
                stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip

    async def until_ready(self, within_s: float = 90.0) -> float:
        """Returns the seconds that took. Raises RuntimeError with the log's end."""
        began = time.perf_counter()
        async with httpx.AsyncClient(timeout=5) as client:
            while time.perf_counter() - began < within_s:
                if self.process is None or self.process.returncode is not None:
                    raise RuntimeError(f"{self.name} ended: {self.tail()}")
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return time.perf_counter() - began
                await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.name} was not ready within {within_s} s: {self.tail()}")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        self.send(how)
        return await self.process.wait()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else ""


class Balancer:
    """Passes each connection to the next gateway that says it is ready."""

    def __init__(self, gateways: list[Role]) -> None:
        self._gateways = gateways
        self._ready: set[str] = set()
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._asking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._asking = asyncio.create_task(self._ask())

    async def until_ready(self) -> None:
        """Until it knows of each gateway that it is ready."""
        while len(self._ready) < len(self._gateways):  # noqa: ASYNC110 - it asks by itself
            await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        assert self._server is not None
        assert self._asking is not None
        self._asking.cancel()
        self._server.close()

    async def _ask(self) -> None:
        async with httpx.AsyncClient(timeout=2) as client:
            while True:
                await asyncio.gather(*(self._ask_one(client, each) for each in self._gateways))
                await asyncio.sleep(0.5)

    async def _ask_one(self, client: httpx.AsyncClient, gateway: Role) -> None:
        try:
            ready = (await client.get(f"{gateway.url}/readyz")).status_code == 200
        except httpx.TransportError:
            ready = False
        (self._ready.add if ready else self._ready.discard)(gateway.name)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._gateways:
            self._turn += 1
            gateway = self._gateways[self._turn % len(self._gateways)]
            if gateway.name not in self._ready:
                continue
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", gateway.port)
                await asyncio.gather(_pass(reader, there[1]), _pass(there[0], writer))
                return
        writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction of a connection, until either side ends it."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class Cluster:
    """Roles, carriers and what stands before them."""

    roles: list[Role]
    broker: Any
    redis: Any
    balancer: Balancer
    logs: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.balancer.url

    def of(self, kind: str) -> list[Role]:
        return [role for role in self.roles if role.name.startswith(kind)]

    async def restart_carrier(self, carrier: Any) -> None:
        """``kill -9``, and up again on the same data."""
        await asyncio.to_thread(carrier.kill)
        await asyncio.to_thread(carrier.start)


@asynccontextmanager
async def cluster(
    directory: Path,
    broker: str = "kafka",
    *,
    shape: Shape | None = None,
    engine: str = "counter",
    partitions: int = 12,
    program: dict[str, tuple[str, ...]] | None = None,
    broker_options: Any = None,
    prepare: Callable[[Any], None] | None = None,
    **settings: str,
) -> AsyncIterator[Cluster]:
    """All up and ready. ``program`` names another program for a kind of role, for traps;
    ``broker_options`` go to the broker's server, and ``prepare`` sees it before any role does.

    Logs stay in ``directory/logs``. Keywords are settings of the product.
    """
    logs = directory / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    carriers = {}
    options = () if broker_options is None else (broker_options,)
    carriers: dict[str, Any] = {
        "redis": RedisServer(directory / "redis"),
        broker: BROKERS[broker](directory / broker, *options),
    }
    for carrier in carriers.values():
        await asyncio.to_thread(carrier.start)
    if prepare is not None:
        await asyncio.to_thread(prepare, carriers[broker])
    chosen = {
        "data_dir": str(directory / "data"),
        "broker": f"{carriers[broker].url}/chaos?partitions={partitions}",
        "sessions": f"{carriers['redis'].url}/0",
        "live_engine": engine,
        "batch_engine": engine,
        "settle_s": "0.2",
        **settings,
    }
    environment = {
        **{n: v for n, v in os.environ.items() if not n.startswith("TWICETOLD_")},
        **{f"TWICETOLD_{name.upper()}": value for name, value in chosen.items()},
    }
    roles = list(_roles(shape or Shape(), environment, logs, program or {}))
    balancer = Balancer([role for role in roles if role.name.startswith("gateway")])
    await balancer.start()
    try:
        for role in roles:
            await role.start()
        for role in roles:
            await role.until_ready()
        await balancer.until_ready()
        yield Cluster(roles, carriers[broker], carriers["redis"], balancer, logs, chosen)
    finally:
        await balancer.aclose()
        for role in roles:
            if role.process is not None:
                role.send(signal.SIGCONT)
        await asyncio.gather(*(role.kill() for role in roles if role.process is not None))
        for carrier in carriers.values():
            await asyncio.to_thread(carrier.stop)


def _roles(
    shape: Shape, environment: dict[str, str], logs: Path, program: dict[str, tuple[str, ...]]
) -> list[Role]:
    kinds = {
        "gateway": (("gateway",), shape.gateways),
        "live": (("worker", "live"), shape.live),
        "record": (("worker", "record"), shape.record),
        "batch": (("worker", "batch"), shape.batch),
    }
    return [
        Role(
            f"{kind}-{number}",
            command,
            environment,
            logs / f"{kind}-{number}.log",
            program.get(kind, ("-m", "twicetold")),
        )
        for kind, (command, many) in kinds.items()
        for number in range(1, many + 1)
    ]


def keep_logs(logs: Path, name: str) -> Path:
    """Where the logs of a run that failed are kept."""
    kept = Path(__file__).parent / "results" / f"{name}-logs"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(logs, kept)
    return kept
