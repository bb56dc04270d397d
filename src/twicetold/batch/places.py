"""The batch engine's places, shared by all jobs of a worker: kept busy, never flooded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from twicetold.engines import Transcriber

_WAITING = 2  # chunks that lie ready, so that a place never waits for a decoder


@dataclass(slots=True)
class Turn:
    """One chunk's turn; ``compute_s`` is known once it is over."""

    compute_s: float = 0.0


class EnginePlaces:
    """At most ``parallel`` + 2 chunks in flight.

    What a chunk cost is its share of the machine: while n chunks are in flight at p workers,
    each is charged min(1, p / n) of the time, so that waiting is not counted as computing.
    """

    def __init__(self, engine: Transcriber, at_once: int = 0) -> None:
        """``at_once``: so many chunks in flight instead."""
        self._workers = max(1, engine.workers)
        self._free = asyncio.Semaphore(at_once or max(1, engine.parallel) + _WAITING)
        self._in_flight = 0
        self._charged_s = 0.0  # what a chunk in flight from the beginning would have been charged
        self._changed_at = time.perf_counter()

    async def acquire(self) -> None:
        """Wait for a place; give it back by way of ``turn``, or ``release``."""
        await self._free.acquire()

    def release(self) -> None:
        self._free.release()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Use the place that was acquired."""
        turn = Turn()
        before = self._step(+1)
        try:
            yield turn
        finally:
            turn.compute_s = self._step(-1) - before
            self._free.release()

    def _step(self, change: int) -> float:
        now = time.perf_counter()
        if self._in_flight:
            share = min(1.0, self._workers / self._in_flight)
            self._charged_s += (now - self._changed_at) * share
        self._in_flight += change
        self._changed_at = now
        return self._charged_s
