"""A real Redis for tests, which keeps whatever it has confirmed unless it is told otherwise."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from tests.carriers.missing import needs
from tests.carriers.process import HOST, ServerProcess, free_port

BINARY = shutil.which("redis-server")
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")


def needs_redis() -> pytest.MarkDecorator:
    """Skips loudly where Redis is not installed; with CARRIERS=require that is a failure."""
    lack = "it is not installed (Debian: apt-get install redis-server)."
    return needs("Redis", None if BINARY else lack)


class RedisServer(ServerProcess):
    """``options`` are those of its command line, after the ones that make it durable."""

    name = "Redis"

    def __init__(self, directory: Path, *options: str, password: str = "") -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}"
        closed = ("--requirepass", password) if password else ()
        self._options = (*DURABLE, *options, *closed)

    def start(self) -> None:
        assert BINARY is not None
        where = ("--port", str(self.port), "--bind", HOST, "--dir", str(self.directory))
        self._launch([BINARY, *where, "--save", "", "--loglevel", "warning", *self._options])
        self._until_it_answers()

    def answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), 1) as asking:
                asking.settimeout(1)
                asking.sendall(b"PING\r\n")
                return asking.recv(7) in (b"+PONG\r\n", b"-NOAUTH", b"-LOADIN")
        except OSError:
            return False
