"""The product's roles as real processes of their own, on one data directory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from tests.carriers.process import free_port
from tests.integration.live_harness import Served

PATIENCE_S = 60.0


class Role:
    """One process: its URL, what it says on stdout, its log."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, log: Path) -> None:
        self.process, self.url, self._log = process, url, log

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def ready(self) -> str:
        """The line that it says once it is ready."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = (await self.process.stdout.readline()).decode()
        assert self.url in line, self.log
        return line

    async def ask(self, path: str) -> httpx.Response:
        """Its answer, once it answers at all."""
        async with httpx.AsyncClient(base_url=self.url, timeout=10) as client:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        return await client.get(path)
                    assert self.process.returncode is None, self.log
                    await asyncio.sleep(0.05)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; returns the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


class Installation:
    """Starts roles that share a data directory, a broker, and settings."""

    def __init__(self, directory: Path, broker: str, **settings: Any) -> None:
        self.data_dir = directory / "data"
        self.roles: list[Role] = []
        chosen = {
            "data_dir": self.data_dir,
            "broker": broker,
            "live_engine": "counter",
            "batch_engine": "counter",
            "settle_s": 0.2,
            "batch_niceness": 0,  # other tests keep the cores busy
            **settings,
        }
        ours = {name: value for name, value in os.environ.items() if "TWICETOLD" not in name}
        self._environment = ours | {
            f"TWICETOLD_{name.upper()}": str(value) for name, value in chosen.items()
        }

    async def start(self, *command: str) -> Role:
        """``twicetold`` with a role's command, on a port of its own."""
        port = free_port()
        log = self.data_dir.parent / f"{command[0]}-{port}.log"
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "twicetold", *command, "--port", str(port)),
                env=self._environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        role = Role(process, f"http://127.0.0.1:{port}", log)
        self.roles.append(role)
        return role

    def served(self, gateway: Role) -> Served:
        """For the clients of the live harness."""
        return Served(gateway.url, self.data_dir)


@contextlib.asynccontextmanager
async def installation(
    directory: Path, broker: str, **settings: Any
) -> AsyncIterator[Installation]:
    """Its processes are killed at the end, those that still run."""
    made = Installation(directory, broker, **settings)
    try:
        yield made
    finally:
        await asyncio.gather(*(role.end(signal.SIGKILL) for role in made.roles))
