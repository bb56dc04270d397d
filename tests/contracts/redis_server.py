"""A real Redis for tests, killed and started again at will."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
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


class RedisServer:
    """One process on a port of its own; its file outlives it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        assert BINARY is not None
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder))
        self._process = subprocess.Popen(
            [BINARY, *where, "--save", "", *self._options], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as asking:
                asking.sendall(b"PING\r\n")
                return asking.recv(7) == b"+PONG\r\n"
        except OSError:
            return False
