"""A real Redis for tests: killed, stopped and started again at will; a line to it that is cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

BINARY = shutil.which("redis-server")
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")


def needs_redis() -> pytest.MarkDecorator:
    """Skips loudly where there is none; with CARRIERS=require that is a failure."""
    missing = "NOT RUN against Redis: there is no redis-server (Debian: redis-server)."
    if BINARY is None and os.environ.get("CARRIERS") == "require":
        raise RuntimeError(missing)
    return pytest.mark.skipif(BINARY is None, reason=missing)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class RedisServer:
    """One process on a port of its own; its files outlive it."""

    def __init__(self, folder: Path, *options: str, password: str = "") -> None:
        self.folder = folder
        self._options = (*options, *(("--requirepass", password) if password else ()))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        assert BINARY is not None
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder))
        self._process = subprocess.Popen(
            [BINARY, *where, "--save", "", *self._options], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """It takes connections and answers nothing, until ``thaw``."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as asking:
                asking.sendall(b"PING\r\n")
                return asking.recv(7) in (b"+PONG\r\n", b"-NOAUTH", b"-LOADIN")
        except OSError:
            return False


class Line:
    """A way to a server on which answers can be lost. ``deaf``: what is asked arrives, and instead
    of the answer the connection ends, so many times."""

    def __init__(self, port: int) -> None:
        self.port, self.deaf, self.asked = 0, 0, 0
        self._to = port

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            while question := await reader.read(65_536):
                far_writer.write(question)
                answer = await far_reader.read(65_536)
                self.asked += 1
                if b"SETINFO" not in question and self.deaf:
                    self.deaf -= 1
                    return
                writer.write(answer)
        finally:
            for each in (far_writer, writer):
                each.close()
                with contextlib.suppress(OSError):
                    await each.wait_closed()
