"""A ``twicetold serve`` in a process of its own, that can be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """Start, kill, start again: on one port and one data directory."""

    def __init__(
        self,
        data_dir: Path,
        *,
        engine: str = "counter",
        live_engine: str | None = None,
        port: int | None = None,
        command: tuple[str, ...] = ("-m", "twicetold"),
        settings: dict[str, str] | None = None,
    ) -> None:
        """``engine`` is for both passes, unless ``live_engine`` is given."""
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = (
            sys.executable, *command, "serve", "--data-dir", str(data_dir),
            "--port", str(self.port), "--live-engine", live_engine or engine,
            "--batch-engine", engine,
        )  # fmt: skip
        named = {f"TWICETOLD_{name.upper()}": value for name, value in (settings or {}).items()}
        self._environment = {**os.environ, **named}
        self.process: asyncio.subprocess.Process | None = None
        self.log = data_dir.with_suffix(".log")

    async def start(self, within_s: float = 60.0) -> float:
        """Returns the seconds until it answered ``/readyz``."""
        began = time.perf_counter()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdout=log, stderr=log, env=self._environment
            )
        async with httpx.AsyncClient() as client:
            while time.perf_counter() - began < within_s:
                if self.process.returncode is not None:
                    raise RuntimeError(f"serve ended with {self.process.returncode}: {self.tail()}")
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return time.perf_counter() - began
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)
        raise RuntimeError(f"serve was not ready within {within_s} s: {self.tail()}")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await self.process.wait()

    async def stop(self) -> int:
        return await self.kill(signal.SIGTERM)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else ""
