"""A real server for tests: one process that is killed, stopped, woken and started again at will."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 50.0
STOP_S = 30.0
HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection takes while its server is
    down: below the range that systems draw from."""
    for port in random.SystemRandom().sample(range(15_000, 32_000), 200):
        with socket.socket() as trying:
            try:
                trying.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 15000 and 32000")


class ServerProcess(ABC):
    """One server on ports and in a directory of its own; what it stores outlives its process."""

    name: str
    url: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Returns once it answers. Raises RuntimeError with the end of its log if it does not."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves clients, asked as one of them."""

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def stop(self) -> None:
        """Orderly, as an administrator would; killed if that takes more than 30 s."""
        self._signal(signal.SIGTERM)
        self.wake()
        self._gone(STOP_S)

    def kill(self) -> None:
        """As if the machine's kernel had ended it."""
        self._signal(signal.SIGKILL)
        self._gone(STOP_S)

    def pause(self) -> None:
        """It holds its connections and answers nobody."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Killed, and started on the same directory and port."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def _launch(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            # A session of its own: the terminal's Ctrl-C is for the tests, which end it then.
            self._process = subprocess.Popen(
                command,
                env=env,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start; its log ends with:\n{self.tail()}")
            time.sleep(0.05)

    def tail(self, lines: int = 30) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            os.killpg(self.pid, number)

    def _gone(self, timeout_s: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()


def connects(port: int) -> bool:
    """Whether anybody listens there; cheaper than a client that tries."""
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
