"""Enrichment in a process of its own: it computes for seconds, and holds the interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

import structlog

from twicetold.enrich.steps import Facts, Packed, Step, apply_packed
from twicetold.errors import EnrichmentFailed

log = structlog.get_logger()

T = TypeVar("T")

_TRIES = 2  # of a step whose process dies under it
_STARTS_WITHIN_S = 60.0


class Died(Exception):
    """The process is gone, with the work that it was asked for and all that it held. ``under_it``:
    it died of itself, in the middle of this very work; else others' work came first, or it was
    ended."""

    def __init__(self, *, under_it: bool = False) -> None:
        super().__init__()
        self.under_it = under_it


class Process:
    """One process, begun with the first work for it; it does one thing after the other, in the
    order in which it is asked.

    It ends with us, however we end: a process that waits for work from nobody would stay. It gives
    way to live calls by ``niceness``.
    """

    def __init__(self, niceness: int = 5) -> None:
        self._context = _Remembering()
        self._pool = ProcessPoolExecutor(1, self._context, _prepare, (niceness,))
        self._asked: dict[Future[Any], None] = {}  # what has no answer yet, in order
        self._lock = threading.Lock()  # on it, and on:
        self._answered = 0.0  # when the last answer came, or the first of these was asked
        self._broke_under: Future[Any] | None = None
        self._start: Future[None] | None = None  # done once it has begun
        self.ended = False

    async def ask(
        self, work: Callable[..., T], *arguments: Any, within_s: float | None = None
    ) -> T:
        """What ``work`` returns, which must be a function of a module, or a method of what can be
        sent; what it raises is raised. Who gives up waiting does not undo what was asked.

        Raises Died where the process is gone before it has answered; and EnrichmentFailed where it
        has been at work on this for longer than ``within_s``: then it hangs, and is ended. The
        wait for what others have asked before does not count, nor does its start, for a minute at
        most.
        """
        future, answered = self._submit(work, *arguments), asyncio.Event()
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _tell(loop, answered))
        while not future.done():
            left_s = None if within_s is None else within_s - self._at_work_s(future)
            if left_s is not None and left_s <= 0:
                self.end()
                raise EnrichmentFailed(f"The process has not answered for {within_s:g} s.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await answered.wait()
        try:
            return future.result()
        except (BrokenProcessPool, CancelledError) as error:
            self.end()
            alone = self._broke_under is future or self._broke_under is self._start
            raise Died(under_it=self._broke_under is not None and alone) from error

    def tell(self, work: Callable[..., object], *arguments: Any) -> None:
        """Have something done for which nobody waits, unless it has ended."""
        with contextlib.suppress(Died):
            self._submit(work, *arguments)

    def end(self) -> None:
        """At once, also in the middle of its work, and where it hangs."""
        self.ended = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._context.kill()

    def _submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        if self._start is None:
            self._start = self._put(_begun)
        return self._put(work, *arguments)

    def _put(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        try:
            future = self._pool.submit(work, *arguments)
        except (BrokenProcessPool, RuntimeError) as error:  # RuntimeError: it was ended before
            self.end()
            raise Died from error
        with self._lock:
            if not self._asked:
                self._answered = time.monotonic()
            self._asked[future] = None
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        """In a thread of the pool's."""
        broke = not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)
        with self._lock:
            # All break together, the one that was at work first.
            if broke and self._broke_under is None and not self.ended:
                first = next(iter(self._asked), None)
                self._broke_under = first if first is future else None
            self._asked.pop(future, None)
            self._answered = time.monotonic()

    def _at_work_s(self, future: Future[Any]) -> float:
        """For how long, on this; 0 while others' turns come first. Where it does not even begin,
        for ever."""
        with self._lock:
            first, took_s = next(iter(self._asked), None), time.monotonic() - self._answered
        if first is self._start:
            return math.inf if took_s > _STARTS_WITHIN_S else 0.0
        return took_s if first is future else 0.0


class Apart:
    """A process that is made when it is first needed, and made again where it has died; what
    several calls want of it is done one after the other."""

    def __init__(self, niceness: int = 5) -> None:
        self._niceness = niceness
        self._process: Process | None = None

    def process(self) -> Process:
        """The one that runs, or another; it begins with what it is asked for."""
        if self._process is None or self._process.ended:
            self._process = Process(self._niceness)
        return self._process

    async def apply(self, step: Step, packed: Packed, facts: Facts) -> Packed:
        """What the step makes of it; see ``call``."""
        return await self.call(step.name, apply_packed, step, packed, facts)

    async def call(
        self, name: str, work: Callable[..., T], *arguments: Any, within_s: float | None = None
    ) -> T:
        """What ``work`` returns, which must need nothing but its arguments: see ``Process.ask``.
        Raises what it raises, and EnrichmentFailed where its process dies again; ``name`` says of
        what. A process that dies under somebody else's work, or is ended for it, is no try."""

        async def ask(process: Process) -> T:
            return await process.ask(work, *arguments, within_s=within_s)

        return await self.tried(name, ask)

    async def tried(self, name: str, ask: Callable[[Process], Awaitable[T]]) -> T:
        """``call`` of what asks more than once; ``ask`` begins anew with another process."""
        attempt = 0
        while attempt < _TRIES:
            try:
                return await ask(self.process())
            except Died as died:
                attempt += died.under_it
                log.warning("enrichment_process_died", stage=name, attempt=attempt)
        raise EnrichmentFailed(f"The process of stage {name} died {_TRIES} times.")

    def close(self) -> None:
        """End the process, also in the middle of a step; the next step begins another."""
        if self._process is not None:
            self._process.end()


class _Remembering(SpawnContext):
    """Knows the process that a pool makes by it: a pool alone cannot end one that hangs."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        made = SpawnProcess(*arguments, **options)
        self._made.append(made)
        return made

    def kill(self) -> None:
        for made in self._made:
            if made.pid is not None:
                made.kill()


def _begun() -> None:
    """What a process answers first."""


def _tell(loop: asyncio.AbstractEventLoop, answered: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is over, and nobody waits
        loop.call_soon_threadsafe(answered.set)


def _prepare(niceness: int) -> None:
    """In the new process: Ctrl-C is for those who made it, and it does not outlive them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(niceness)
    # Before numpy comes: on matrices as small as these, more threads than one take longer.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(0)
