"""A real RabbitMQ for tests, with streams: Debian's package, run as whoever runs the tests."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aio_pika
import pytest
from tests.carriers.missing import needs
from tests.carriers.process import HOST, ServerProcess, free_port

# Not the one on the path: that is a wrapper which insists on the user ``rabbitmq``.
BINARY = shutil.which("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = shutil.which("epmd")
# Erlang's schedulers spin while they wait, which costs a small machine more than it gives.
ERLANG = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
SETTLE_S = 10.0
CONFIG = """\
listeners.tcp.1 = {host}:{port}
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
"""


def needs_rabbitmq() -> pytest.MarkDecorator:
    """Skips loudly where RabbitMQ is not installed; with CARRIERS=require that is a failure."""
    installed = BINARY is not None and EPMD is not None
    lack = "it is not installed (Debian: apt-get install rabbitmq-server)."
    return needs("RabbitMQ", None if installed else lack)


class RabbitServer(ServerProcess):
    """``more`` are lines of its configuration. ``guest`` with password ``guest`` may do all.
    It has one stream from the beginning, ``settled``."""

    name = "RabbitMQ"

    def __init__(self, directory: Path, more: str = "") -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"rabbitmq://guest:guest@{HOST}:{self.port}"
        self.amqp_url = f"amqp://guest:guest@{HOST}:{self.port}/"
        (directory / "rabbitmq.conf").write_text(CONFIG.format(host=HOST, port=self.port) + more)
        (directory / "enabled_plugins").write_text("[].\n")  # streams over AMQP need none
        self._epmd_port, self._dist_port = free_port(), free_port()
        self._epmd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert BINARY is not None
        self._start_epmd()
        self._launch([BINARY], self.environment())
        self._until_it_answers()
        self._until_settled()

    def answers(self) -> bool:
        """Whether it serves a stream: it takes clients half a second before it has recovered its
        streams, and says meanwhile that their home node is down."""
        if not self._greets():
            return False
        with ThreadPoolExecutor(1) as aside:  # whoever asks may be in a loop of their own
            return aside.submit(asyncio.run, self._declares()).result()

    def _greets(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), 1) as asking:
                asking.settimeout(1)
                asking.sendall(b"AMQP\x00\x00\x09\x01")
                return asking.recv(1) == b"\x01"
        except OSError:
            return False

    async def _declares(self) -> bool:
        try:
            async with asyncio.timeout(5), await aio_pika.connect(self.amqp_url) as connection:
                channel = await connection.channel()
                stream = {"x-queue-type": "stream"}
                await channel.declare_queue("settled", durable=True, arguments=stream)
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError):
            return False
        return True

    def _until_settled(self) -> None:
        """Where RabbitMQ's Raft library is older than 2.11, a node that is killed within a second
        of its very first stream forgets that it has streams (its names.dets is written late)."""
        names = (
            self.directory / f"mnesia/t{self.port}@localhost/coordination/t{self.port}@localhost"
        )
        deadline = time.monotonic() + SETTLE_S
        while b"rabbit_stream_coordinator" not in (names / "names.dets").read_bytes():
            if time.monotonic() > deadline:
                raise RuntimeError("RabbitMQ did not write down that it has streams")
            time.sleep(0.05)

    def stop(self) -> None:
        super().stop()
        self._stop_epmd()

    def kill(self) -> None:
        super().kill()
        self._stop_epmd()

    def _start_epmd(self) -> None:
        """Ours, or the server starts one which outlives it."""
        assert EPMD is not None
        port = ("-port", str(self._epmd_port), "-address", HOST)
        self._epmd = subprocess.Popen([EPMD, *port], stdin=subprocess.DEVNULL)

    def _stop_epmd(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def environment(self) -> dict[str, str]:
        """For the server, and for ``rabbitmqctl``."""
        here = self.directory
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(here),
            "RUNNING_UNDER_SYSTEMD": "true",  # the process is then Erlang's own, not a shell's
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(here / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(here / "none.config"),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_PID_FILE": str(here / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }
