"""The parent's end of one host: its process, its socket, and what it still owes an answer to."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import cast

from twicetold.engines.host import Setup
from twicetold.engines.hosted import (
    Kind,
    Message,
    Reader,
    framed,
    unpack_failure,
    unpack_hypothesis,
    unpack_ready,
)
from twicetold.errors import EngineFailed, EngineHostDied
from twicetold.speech.transcript import Hypothesis


@dataclass(frozen=True, slots=True)
class HostPlan:
    """How a host is started and how long it may stay silent while it owes an answer."""

    factory: str
    options: Mapping[str, object] = field(default_factory=dict)
    niceness: int = 0
    start_timeout_s: float = 60.0
    timeout_s: float = 30.0


class HostProcess(asyncio.Protocol):
    """One running host. Made by ``launch``; ``ended`` is done once its socket is gone.

    ``together``: how many streams or sounds its engine hears at once, known once it is ready.
    ``streams`` and ``outstanding_s`` (audio seconds that wait for an answer) are the
    pool's book-keeping of how loaded this host is.
    """

    def __init__(self, plan: HostPlan, process: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._plan = plan
        self._process = process
        self._reader = Reader()
        self._transport: asyncio.Transport | None = None
        self._answers: dict[int, asyncio.Future[Hypothesis]] = {}
        self._allowance_s: dict[int, float] = {}
        self._heard_at = loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._why = "The engine's host process died."
        self._at_work: int | None = None  # the stream whose turn it last was
        self._ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.together = 1
        self.streams = 0
        self.outstanding_s = 0.0

    @classmethod
    async def launch(cls, plan: HostPlan, spawner: Executor, alone_s: float = 0.0) -> HostProcess:
        """Start a host and wait until its engine is loaded.

        ``alone_s``: see ``Setup``. ``spawner`` must outlive the host: on Linux it dies with the
        *thread* that made it.
        Raises EngineFailed when the engine cannot be loaded, EngineHostDied when the process ends.
        """
        ours, process = await _spawned(plan, spawner, alone_s)
        host, loop = cls(plan, process), asyncio.get_running_loop()
        # Not to be cancelled half-way: uvloop would never say that the connection is lost.
        connecting = loop.create_task(loop.create_unix_connection(lambda: host, sock=ours))
        try:
            await asyncio.wait([connecting])  # a turn of the loop; a cancellation leaves it alone
            connecting.result()
            async with asyncio.timeout(plan.start_timeout_s):
                await asyncio.shield(host._ready)
        except TimeoutError:
            await host.kill()
            raise EngineHostDied(
                f"The engine's host was not ready after {plan.start_timeout_s:g} s."
            ) from None
        except BaseException:
            await asyncio.wait([connecting])
            if host._transport is None:
                ours.close()
            await asyncio.shield(host.kill())
            raise
        return host

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    @property
    def pid(self) -> int:
        return self._process.pid

    def request(
        self, kind: Kind, stream: int, *body: bytes, allowance_s: float = 0.0
    ) -> asyncio.Future[Hypothesis]:
        """Ask; the future gives the answer, EngineFailed, or EngineHostDied. The body may come in
        parts: a host that is busy reads late, and until then no copy of a sound waits for it.

        ``allowance_s`` is added to the silence that this host is granted meanwhile.
        One request a stream at a time.
        """
        answer: asyncio.Future[Hypothesis] = self._loop.create_future()
        if self._transport is None or self.ended.done():
            # Whatever it died of, it was at work on nothing of this stream's.
            answer.set_exception(EngineHostDied(self._why, of_another=True))
            return answer
        if not self._answers:
            self._heard_at = self._loop.time()
        self._answers[stream] = answer
        if allowance_s:
            self._allowance_s[stream] = allowance_s
        self._transport.writelines(framed(kind, stream, *body))
        if self._watch is None:
            self._watch = self._loop.call_later(self._plan.timeout_s, self._check)
        return answer

    def close_stream(self, stream: int) -> None:
        """Give a stream up; what it was asked is answered no more."""
        self._answers.pop(stream, None)
        self._allowance_s.pop(stream, None)
        if self._transport is not None and not self.ended.done():
            self._transport.write(Message(Kind.CLOSE, stream).to_bytes())

    async def kill(self) -> int:
        """End the process, however busy, and wait for it; returns its exit status."""
        if self._watch is not None:
            self._watch.cancel()
        self._process.kill()
        status = await asyncio.to_thread(self._process.wait)
        if self._transport is not None:
            self._transport.abort()
            await asyncio.shield(self.ended)
        return status

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        for message in self._reader.feed(data):
            self._take(message)

    def connection_lost(self, error: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if not self._ready.done():
            self._ready.set_exception(EngineHostDied("The engine's host died while it started."))
            self._ready.exception()  # nobody may be waiting any more
        self.ended.set_result(None)
        for stream, answer in self._answers.items():
            if not answer.done():
                of_another = self._at_work not in (stream, None)
                answer.set_exception(EngineHostDied(self._why, of_another=of_another))
        self._answers.clear()

    def _take(self, message: Message) -> None:
        if message.kind == Kind.WORKING:
            self._at_work = message.stream
            return
        if not self._ready.done():
            if message.kind == Kind.READY:
                self.together = unpack_ready(message.body)
                self._ready.set_result(None)
            else:
                self._ready.set_exception(unpack_failure(message.body))
                self._ready.exception()  # nobody may be waiting any more
            return
        answer = self._answers.pop(message.stream, None)
        self._allowance_s.pop(message.stream, None)
        if answer is None or answer.done():
            return  # the stream was given up while the host was at work
        if message.kind == Kind.HYPOTHESIS:
            answer.set_result(unpack_hypothesis(message.body))
        else:
            answer.set_exception(unpack_failure(message.body))

    def _check(self) -> None:
        """End a host that owes an answer and has said nothing for too long."""
        self._watch = None
        if not self._answers or self.ended.done():
            return
        limit_s = self._plan.timeout_s + sum(self._allowance_s.values())
        left_s = self._heard_at + limit_s - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._check)
            return
        self._why = f"The engine did not answer within {limit_s:g} s."
        self._process.kill()


async def _spawned(
    plan: HostPlan, spawner: Executor, alone_s: float
) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A child made by ``spawner``'s thread; none is left behind by a cancellation."""
    spawning = asyncio.get_running_loop().run_in_executor(spawner, _spawn, plan, alone_s)
    try:
        return await asyncio.shield(spawning)
    except asyncio.CancelledError:
        await asyncio.wait([spawning])  # some milliseconds
        _discard(spawning)
        raise


def _spawn(plan: HostPlan, alone_s: float) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A child with one end of a socket pair; the other end is ours."""
    ours, theirs = socket.socketpair()
    with theirs:
        setup = Setup(theirs.fileno(), os.getpid(), plan.niceness, plan.options, alone_s)
        command = [sys.executable, "-m", "twicetold.engines.host", plan.factory, setup.to_json()]
        try:
            process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        except OSError as error:
            ours.close()
            raise EngineFailed(f"An engine host could not be started: {error.strerror}.") from error
    ours.setblocking(False)
    return ours, process


def _discard(spawning: asyncio.Future[tuple[socket.socket, subprocess.Popen[bytes]]]) -> None:
    """End a child that nobody waits for any more; it was born a moment ago and dies at once."""
    if spawning.cancelled() or spawning.exception() is not None:
        return
    ours, process = spawning.result()
    ours.close()
    process.kill()
    process.wait()
