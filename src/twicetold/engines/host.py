"""The child: ``python -m twicetold.engines.host FACTORY SETUP`` runs one engine for its parent.

FACTORY is ``module:attribute``, called with the options in SETUP (JSON; see ``Setup``).
One thread serves all streams in turn, long audio in slices, so that a stream that catches
up does not hold up its neighbours. The process ends when its parent does, however that
dies: by the end of the socket, and on Linux by a signal too, since an engine that hangs
does not read sockets. SIGINT is the parent's to handle.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import cast

from twicetold.engines.hosted import (
    HostedEngine,
    HostedStream,
    Kind,
    Message,
    Reader,
    pack_failure,
    pack_hypothesis,
    pack_ready,
    started,
    unpack_sound,
    unpack_start,
)
from twicetold.engines.together import Together, is_joint
from twicetold.speech.transcript import Hypothesis

SLICE_BYTES = 8192  # 256 ms at 16 kHz: what one stream may have before the next has its turn
_READ_BYTES = 256 * 1024
_SAY_WORKING_AFTER_S = 1.0
_NOBODY = 0  # no stream has this number
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Setup:
    """What a parent tells its child on the command line."""

    fd: int
    parent: int
    niceness: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    alone_s: float = 0.0  # so long nobody's work is done together: the host before died of some

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True)
class _Request:
    """A request in its turn; ``done_bytes`` of an ACCEPT's PCM have been heard, which took
    ``compute_s``, without the turns of others."""

    message: Message
    done_bytes: int = 0
    compute_s: float = 0.0


class Host:
    """Serves an engine's streams to the other end of ``connection`` until that goes away."""

    def __init__(
        self, engine: HostedEngine, connection: socket.socket, alone_s: float = 0.0
    ) -> None:
        self._engine = engine
        self._together = Together(engine) if is_joint(engine) else None
        self.together = engine.together if is_joint(engine) else 1
        self._alone_until = time.monotonic() + alone_s
        self._connection = connection
        self._reader = Reader()
        self._streams: dict[int, HostedStream] = {}
        self._turns: deque[_Request] = deque()
        self._last_sent = time.monotonic()
        self._announced: int | None = None  # the stream that we said we are at work on

    def serve(self) -> None:
        """Work until the parent closes the socket."""
        try:
            while True:
                for message in self._receive():
                    self._take(message)
                if self._turns and self._together is not None:
                    self._serve_several(self._together)
                elif self._turns:
                    self._serve_one(self._turns.popleft())
        except (EOFError, ConnectionError):
            return

    def _receive(self) -> Iterator[Message]:
        """What has arrived; waits only when there is nothing else to do."""
        flags = socket.MSG_DONTWAIT if self._turns else 0
        try:
            data = self._connection.recv(_READ_BYTES, flags)
        except BlockingIOError:
            return
        if not data:
            raise EOFError
        yield from self._reader.feed(data)

    def _take(self, message: Message) -> None:
        if message.kind == Kind.CLOSE:
            self._close(message.stream)
        else:
            self._turns.append(_Request(message))

    def _serve_one(self, request: _Request) -> None:
        message = request.message
        if message.stream != self._announced:
            self._announced = message.stream
            self._send(Kind.WORKING, message.stream, b"")
        began = time.perf_counter()
        try:
            answer = self._work(request)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises ends its stream alone
            self._close(message.stream)
            self._send(Kind.FAILED, message.stream, pack_failure(error))
            return
        request.compute_s += time.perf_counter() - began
        if answer is not None:
            answer = replace(answer, compute_s=request.compute_s)
            self._send(Kind.HYPOTHESIS, message.stream, pack_hypothesis(answer))
            return
        self._turns.append(request)
        if time.monotonic() - self._last_sent > _SAY_WORKING_AFTER_S:
            self._send(Kind.WORKING, message.stream, b"")

    def _serve_several(self, together: Together) -> None:
        """What has come, as many as the engine takes at once. Of what is done together nobody is
        said to be at work: if the host dies of it, each is tried by itself."""
        most = 1 if time.monotonic() < self._alone_until else self.together
        count = min(most, len(self._turns))
        requests = [self._turns.popleft().message for _ in range(count)]
        number = requests[0].stream if count == 1 else _NOBODY
        if number != self._announced:
            self._announced = number
            self._send(Kind.WORKING, number, b"")
        for stream, answer in together.answer(requests).items():
            if isinstance(answer, Exception):
                self._send(Kind.FAILED, stream, pack_failure(answer))
            else:
                self._send(Kind.HYPOTHESIS, stream, pack_hypothesis(answer))

    def _work(self, request: _Request) -> Hypothesis | None:
        """The answer to a request, or None when it wants another turn."""
        kind, number, body = request.message
        if kind == Kind.ACCEPT:
            piece = body[request.done_bytes : request.done_bytes + SLICE_BYTES]
            hypothesis = self._streams[number].accept(piece)
            request.done_bytes += len(piece)
            return hypothesis if request.done_bytes >= len(body) else None
        if kind == Kind.START:
            self._streams[number] = started(self._engine, *unpack_start(body))
            return Hypothesis()
        if kind == Kind.FINISH:
            hypothesis = self._streams[number].finish()
            self._close(number)
            return hypothesis
        if kind == Kind.TRANSCRIBE:
            return self._engine.transcribe(*unpack_sound(body))
        raise ValueError(f"expected a request but got a message of kind {kind}")

    def _close(self, number: int) -> None:
        self._turns = deque(r for r in self._turns if r.message.stream != number)
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.close()
        if self._together is not None:
            self._together.close(number)

    def _send(self, kind: Kind, number: int, body: bytes) -> None:
        self._connection.sendall(Message(kind, number, body).to_bytes())
        self._last_sent = time.monotonic()


def load_engine(factory: str, options: Mapping[str, object]) -> HostedEngine:
    """The engine that ``module:attribute`` makes of the options."""
    module, _, attribute = factory.partition(":")
    return cast(HostedEngine, getattr(importlib.import_module(module), attribute)(**options))


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent goes. Linux only; see prctl(2)."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the line above
        sys.exit(1)


def _make_way(niceness: int) -> None:
    """Let live work go first. One session with the parent, so that niceness compares with it."""
    if niceness <= 0:
        return
    os.nice(niceness)
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def main(factory: str, setup_json: str) -> int:
    """Run one engine; the exit status is 0 when the parent ended it in the usual way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup = Setup(**json.loads(setup_json))
    _die_with(setup.parent)
    _make_way(setup.niceness)
    # One thread a host: the hosts are what spreads over the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    with socket.socket(fileno=setup.fd) as connection, contextlib.suppress(ConnectionError):
        try:
            engine = load_engine(factory, setup.options)
        except Exception as error:  # noqa: BLE001 - the parent says it to whoever asked
            connection.sendall(Message(Kind.FAILED, 0, pack_failure(error)).to_bytes())
            return 1
        host = Host(engine, connection, setup.alone_s)
        connection.sendall(Message(Kind.READY, 0, pack_ready(host.together)).to_bytes())
        host.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
