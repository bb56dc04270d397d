"""Enrichment in a process of its own: it computes for seconds, and holds the interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import structlog

from twicetold.enrich.steps import Facts, Packed, Step, apply_packed
from twicetold.errors import EnrichmentFailed

log = structlog.get_logger()

T = TypeVar("T")

_TRIES = 2  # of a step whose process dies under it


class Apart:
    """One process, made when it is first needed; steps of several calls wait for each other.

    It ends with us, however we end: a process that waits for work from nobody would stay. It gives
    way to live calls by ``niceness``.
    """

    def __init__(self, niceness: int = 5) -> None:
        self._niceness = niceness
        self._pool: ProcessPoolExecutor | None = None
        self._stop: Connection | None = None

    async def apply(self, step: Step, packed: Packed, facts: Facts) -> Packed:
        """What the step makes of it; see ``call``."""
        return await self.call(step.name, apply_packed, step, packed, facts)

    async def call(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work`` returns, which must be a function of a module, or a method of what can be
        sent. Raises what it raises, and EnrichmentFailed where its process dies again; ``name``
        says of what."""
        loop = asyncio.get_running_loop()
        for attempt in range(1, _TRIES + 1):
            pool = self._pool or self._begin()
            try:
                return await loop.run_in_executor(pool, work, *arguments)
            except (BrokenProcessPool, asyncio.CancelledError) as error:
                # What waits in a pool that another call has closed is cancelled, and not its task.
                if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                    raise
                log.warning("enrichment_process_died", stage=name, attempt=attempt)
                if pool is self._pool:
                    self.close()
        raise EnrichmentFailed(f"The process of stage {name} died {_TRIES} times.")

    def close(self) -> None:
        """End the process, also in the middle of a step; the next step begins another."""
        pool, stop, self._pool, self._stop = self._pool, self._stop, None, None
        if stop is not None:
            stop.close()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> ProcessPoolExecutor:
        context: Any = multiprocessing.get_context("spawn")
        theirs, self._stop = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(1, context, _prepare, (theirs, self._niceness))
        return self._pool


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _prepare(stop: Connection, niceness: int) -> None:
    """In the new process: Ctrl-C is for those who made it, and it does not outlive them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(niceness)
    threading.Thread(target=_end_with, args=(stop,), daemon=True).start()


def _end_with(stop: Connection) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel, stop])
    os._exit(0)
