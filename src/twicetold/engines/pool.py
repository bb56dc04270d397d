"""Engines in host processes, so that the event loop never waits for a model.

A pool keeps a fixed number of hosts running and spreads utterances over them by load. A
host that dies, or stays silent for too long while it owes an answer, is replaced; only
its own streams notice.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Sound, Stream
from twicetold.engines.connection import HostPlan, HostProcess
from twicetold.engines.hosted import MAX_BODY_BYTES, Kind, pack_sound, pack_start
from twicetold.errors import EngineFailed, EngineHostDied, OddByteCount
from twicetold.speech.transcript import Hypothesis

_log = structlog.get_logger()

START_ATTEMPTS = 3  # deaths in a row, before the engine counts as failed
_BACKOFF_S = 0.1
_BACKOFF_LIMIT_S = 10.0
_STEADY_AFTER_S = 5.0  # a host that lived this long owes nothing to the failures before it
_ALONE_S = 60.0  # after a death a host does nobody's work together, to find whose it was
_MAX_ACCEPT_BYTES = 1024 * 1024
_MOST_TOLD_BYTES = 64 * 1024  # of a sound: its language and what is expected in it
_PATIENCE = 20.0  # seconds a host may take for a second of batch audio: it may run at low priority


class HostPool:
    """A StreamingTranscriber and a Transcriber whose engine, ``module:attribute``, lives in hosts.

    ``streams_per_host`` bounds the utterances a host works on at once; None: as many as its engine
    hears together, for recordings, of which more would only be begun earlier and end later.
    ``niceness`` above 0 makes its hosts give way to live work; ``timeout_s`` is how long a host
    may be silent while it owes an answer; ``options`` are the factory's keyword arguments.
    """

    def __init__(
        self,
        factory: str,
        info: EngineInfo,
        *,
        hosts: int,
        streams_per_host: int | None,
        niceness: int = 0,
        timeout_s: float = 30.0,
        start_timeout_s: float = 60.0,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._info = info
        self._plan = HostPlan(factory, dict(options or {}), niceness, start_timeout_s, timeout_s)
        self._size = hosts
        self._streams_per_host = streams_per_host
        self._per_host = streams_per_host or 1
        self._hosts: list[HostProcess] = []
        self._waiting: deque[asyncio.Future[HostProcess]] = deque()
        self._keepers: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)
        self._endings: set[asyncio.Task[int]] = set()
        self._failure: EngineFailed | None = None
        # One thread for the pool's whole life: hosts die with the thread that made them.
        self._spawner = ThreadPoolExecutor(1, thread_name_prefix="engine-spawner")
        self._closed = False
        # What guards against invented text did, by name: of recordings and of finished utterances.
        self.guarded: Counter[str] = Counter()

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def parallel(self) -> int:
        return self._size * self._per_host

    @property
    def workers(self) -> int:
        return self._size

    @property
    def pids(self) -> list[int]:
        """Process ids of the hosts that are up."""
        return [host.pid for host in self._hosts]

    async def start(self) -> None:
        """Start all hosts at once; returns when all are ready. Raises EngineFailed."""
        ready = [asyncio.get_running_loop().create_future() for _ in range(self._size)]
        self._keepers = [asyncio.create_task(self._keep(future)) for future in ready]
        try:
            await asyncio.gather(*ready)
        except BaseException:
            await asyncio.shield(self.aclose())
            raise

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        """See the port. Raises EngineFailed, or EngineHostDied if the host dies meanwhile."""
        host = await self._take_place()
        stream = _PooledStream(self, host, next(self._numbers), rate)
        try:
            await stream.begin(language, adaptation, expected)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        """See the port; sounds go to the hosts that have least to do."""
        results = await asyncio.gather(
            *(self._transcribe_one(sound, language) for sound in sounds), return_exceptions=True
        )
        heard = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            heard.append(result)
        return heard

    async def aclose(self) -> None:
        """End all hosts and whoever waits for one. May be called twice."""
        if not self._closed:
            self._closed = True
            for keeper in self._keepers:
                keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*self._endings)
        self._refuse_waiting(_closed_error())
        self._spawner.shutdown(wait=False)

    async def _transcribe_one(self, sound: Sound, language: str) -> Hypothesis:
        if len(sound.pcm) > MAX_BODY_BYTES - _MOST_TOLD_BYTES:
            raise EngineFailed("The sound is too long for one request.", "Cut it into chunks.")
        host = await self._take_place()
        host.outstanding_s += sound.seconds
        answer = host.request(
            Kind.TRANSCRIBE,
            next(self._numbers),
            *pack_sound(sound, language),
            allowance_s=sound.seconds * _PATIENCE,
        )

        def settle(answer: asyncio.Future[Hypothesis]) -> None:
            if not answer.cancelled() and answer.exception() is None:  # the caller may be gone
                self.guarded.update(answer.result().guarded)
            host.outstanding_s -= sound.seconds
            self.release(host)

        # The place is taken until the host is done, also when the caller stops waiting.
        answer.add_done_callback(settle)
        return await asyncio.shield(answer)

    # places

    async def _take_place(self) -> HostProcess:
        """A host with room for one more utterance, in the order of asking."""
        if self._closed:
            raise _closed_error()
        if self._failure is not None and not self._hosts:
            raise self._failure
        place: asyncio.Future[HostProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._hand_out()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.release(place.result())
            raise

    def release(self, host: HostProcess) -> None:
        """Give a place back that ``_take_place`` gave."""
        host.streams -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting:
            if self._waiting[0].done():  # its asker was cancelled
                self._waiting.popleft()
                continue
            free = [host for host in self._hosts if host.alive and host.streams < self._per_host]
            if not free:
                return
            host = min(free, key=lambda each: (each.outstanding_s, each.streams))
            host.streams += 1
            self._waiting.popleft().set_result(host)

    def _refuse_waiting(self, error: EngineFailed) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_exception(error)

    # hosts

    async def _keep(self, ready: asyncio.Future[None]) -> None:
        """Keep one host running until the pool closes; ``ready`` tells how its first start went."""
        loop = asyncio.get_running_loop()
        failures, died = 0, False
        while True:
            try:
                alone_s = _ALONE_S if died else 0.0
                host = await HostProcess.launch(self._plan, self._spawner, alone_s)
            except (EngineFailed, EngineHostDied) as error:
                failures += 1
                self._note_failed_start(error, failures, ready)
            else:
                born = loop.time()
                await self._serve(host, ready)
                died = True
                failures = 0 if loop.time() - born > _STEADY_AFTER_S else failures + 1
            if failures > 1:  # the first death is answered at once
                await asyncio.sleep(min(_BACKOFF_S * 2**failures, _BACKOFF_LIMIT_S))

    async def _serve(self, host: HostProcess, ready: asyncio.Future[None]) -> None:
        """Offer the host's places until it ends."""
        self._failure = None
        if self._streams_per_host is None:
            self._per_host = host.together
        self._hosts.append(host)
        if not ready.done():
            ready.set_result(None)
        self._hand_out()
        try:
            await asyncio.shield(host.ended)
        finally:
            self._hosts.remove(host)
            ending = asyncio.create_task(host.kill())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
            status = await asyncio.shield(ending)
            if not self._closed:
                _log.warning(
                    "engine host ended", engine=self._info.name, pid=host.pid, status=status
                )

    def _note_failed_start(
        self, error: EngineFailed | EngineHostDied, failures: int, ready: asyncio.Future[None]
    ) -> None:
        """After a refusal, or deaths in a row, nobody waits for a host that will not come."""
        _log.warning("engine host did not start", engine=self._info.name, error=error.message)
        if isinstance(error, EngineHostDied) and failures < START_ATTEMPTS:
            return
        failure = EngineFailed(f"Engine {self._info.name} does not start: {error}", error.hint)
        self._failure = failure
        if not ready.done():
            ready.set_exception(failure)
            ready.exception()  # start() may already have raised another host's failure
        if not self._hosts:
            self._refuse_waiting(failure)


class _PooledStream:
    """One utterance on one host."""

    def __init__(self, pool: HostPool, host: HostProcess, number: int, rate: int) -> None:
        self._pool = pool
        self._host = host
        self._number = number
        self._rate = rate
        self._over = False
        self._busy = False
        self._untold_s = 0.0  # of computing, which the next hypothesis tells

    async def begin(self, language: str, adaptation: str | None, expected: Expected) -> None:
        begun = await self._ask(Kind.START, pack_start(self._rate, language, adaptation, expected))
        self._untold_s = begun.compute_s

    async def accept(self, pcm: bytes) -> Hypothesis:
        if len(pcm) % 2:
            raise OddByteCount(f"{len(pcm)} bytes are no whole number of 16-bit samples.")
        for piece in _pieces(pcm):
            hypothesis = await self._ask(Kind.ACCEPT, piece)
            self._untold_s += hypothesis.compute_s
        return self._told(hypothesis)

    async def finish(self) -> Hypothesis:
        hypothesis = await self._ask(Kind.FINISH)
        self._pool.guarded.update(hypothesis.guarded)
        self._end()
        self._untold_s += hypothesis.compute_s
        return self._told(hypothesis)

    async def aclose(self) -> None:
        if not self._over:
            self._host.close_stream(self._number)
            self._end()

    async def _ask(self, kind: Kind, body: bytes = b"") -> Hypothesis:
        if self._over:
            raise EngineFailed("The stream is over: expected an open one but got a finished one.")
        if self._busy:
            raise EngineFailed("The stream still owes an answer: one request at a time.")
        seconds = len(body) / 2 / self._rate if kind == Kind.ACCEPT else 0.0
        self._busy = True
        self._host.outstanding_s += seconds
        try:
            hypothesis = await self._host.request(kind, self._number, body)
        except (EngineFailed, EngineHostDied):
            self._end()
            raise
        finally:
            self._host.outstanding_s -= seconds
        self._busy = False  # stays set after a cancellation: the answer to that is still due
        return hypothesis

    def _told(self, hypothesis: Hypothesis) -> Hypothesis:
        """With all that was computed since the last one."""
        untold_s, self._untold_s = self._untold_s, 0.0
        return replace(hypothesis, compute_s=untold_s)

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._pool.release(self._host)


def _pieces(pcm: bytes) -> Iterator[bytes]:
    """``pcm`` in requests of a bounded size; one empty piece if there is none."""
    if len(pcm) <= _MAX_ACCEPT_BYTES:
        yield pcm
        return
    for begin in range(0, len(pcm), _MAX_ACCEPT_BYTES):
        yield pcm[begin : begin + _MAX_ACCEPT_BYTES]


def _closed_error() -> EngineFailed:
    return EngineFailed("The engine has been closed.")
