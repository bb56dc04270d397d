"""Figures of one process for Prometheus. None of them names a tenant or a call: who watches the
machine need not know whose calls they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from twicetold.errors import TwicetoldError
from twicetold.observe.engine_metrics import EngineCollector, EngineHealth, Pass

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_PATIENCE_S = 2.0

Lags = Callable[[], Awaitable[Sequence[float]]]


class Hook(Protocol):
    """An endpoint of a webhook."""

    @property
    def pending(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def state(self) -> str: ...


class Tally(Protocol):
    """Jobs of all tenants, counted, as the queue does it."""

    @property
    def waiting(self) -> int: ...
    @property
    def running(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def waited_s(self) -> float: ...


class WorkDone(Protocol):
    """What a batch worker has done since it began."""

    @property
    def finished(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def audio_s(self) -> float: ...


class ShadowsDone(Protocol):
    """What has come of shadows in this process."""

    @property
    def made(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def left_out(self) -> int: ...
    @property
    def audio_s(self) -> float: ...
    @property
    def compute_s(self) -> float: ...


Role = Literal["gateway", "live", "record"]

_LAG = {
    "gateway": "Seconds of audio that clients have sent and whose captions have not come yet",
    "live": "Seconds of audio that were published and that this worker has not heard yet",
    "record": "Seconds of audio that were published and that this recorder has not gathered yet",
}
_CALLS = {
    "gateway": ("twicetold_gateway_live_calls", "Live calls connected to this gateway."),
    "live": ("twicetold_live_calls", "Calls that run in this process."),
    "record": ("twicetold_record_calls", "Calls that run in this process."),
}


class Metrics:
    """What the roles of this process say of themselves, asked anew for each ``rendered``."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._read: list[Callable[[], Awaitable[None]]] = []
        self._engines: EngineCollector | None = None

    def lag(self, role: Role, lags: Lags) -> None:
        """Show how far a role is behind. ``lags``: per running call, in seconds of audio. Where
        it raises an error of ours, because a carrier is away, the figures are NaN."""
        name = f"twicetold_{role}_lag_seconds"
        most = self._gauge(name, f"{_LAG[role]}: of the call that is furthest behind.")
        total = self._gauge(f"{name}_sum", f"{_LAG[role]}: over all its calls.")
        calls = self._gauge(*_CALLS[role])

        async def read() -> None:
            try:
                seconds = await lags()
            except TwicetoldError:
                most.set(math.nan)
                total.set(math.nan)
                return
            most.set(max(seconds, default=0.0))
            total.set(sum(seconds))
            calls.set(len(seconds))

        self._read.append(read)

    def jobs(self, tally: Callable[[], Awaitable[Tally]]) -> None:
        """Show the queue, which is the same whichever process is asked. Where ``tally`` raises an
        error of ours, or takes long, the figures are NaN."""
        meaning = "Jobs of all tenants: waiting (for a worker or another try), running, failed."
        name = "twicetold_batch_jobs"
        counts = Gauge(name, meaning, labelnames=("state",), registry=self._registry)
        oldest = self._gauge(
            "twicetold_batch_oldest_waiting_seconds",
            "For how long the job that waits longest could have been worked on.",
        )

        async def read() -> None:
            figures = (math.nan,) * 4
            with contextlib.suppress(TwicetoldError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):  # the other figures are worth having
                    now = await tally()
                figures = (now.waiting, now.running, now.failed, now.waited_s)
            for state, count in zip(("waiting", "running", "failed"), figures, strict=False):
                counts.labels(state).set(count)
            oldest.set(figures[3])

        self._read.append(read)

    def batch_work(self, done: WorkDone) -> None:
        """Show what a batch worker has done."""
        name = "twicetold_batch"
        meaning = "Jobs that this process has finished."
        self._counter(f"{name}_finished_jobs", meaning, lambda: done.finished)
        meaning = "Jobs that this process has given up: they wait for a person."
        self._counter(f"{name}_failed_jobs", meaning, lambda: done.failed)
        meaning = "Seconds of audio in the jobs that this process has finished."
        self._counter(f"{name}_audio_seconds", meaning, lambda: done.audio_s)

    def webhooks(self, endpoints: Callable[[], Awaitable[Sequence[Hook]]]) -> None:
        """Show the outbox, which is the same whichever process is asked; NaN where ``endpoints``
        raises an error of ours, or takes long."""
        name = "twicetold_webhook"
        pending = self._gauge(f"{name}_pending", "Deliveries that wait, of all tenants.")
        dropped = self._gauge(f"{name}_dropped", "Events that present endpoints never got queued.")
        disabled = self._gauge(f"{name}_disabled_endpoints", "Endpoints that failed for too long.")

        async def read() -> None:
            figures = (math.nan,) * 3
            with contextlib.suppress(TwicetoldError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    found = await endpoints()
                figures = (
                    sum(each.pending for each in found),
                    sum(each.dropped for each in found),
                    sum(each.state == "disabled" for each in found),
                )
            for gauge, figure in zip((pending, dropped, disabled), figures, strict=True):
                gauge.set(figure)

        self._read.append(read)

    def shadows(self, done: ShadowsDone, tally: Callable[[], Awaitable[Tally]]) -> None:
        """Show what a batch worker's shadow engine has done, and how many wait for one; NaN where
        ``tally`` raises an error of ours, or takes long."""
        name = "twicetold_shadow"
        meaning = "Recordings that a shadow engine has heard in this process."
        self._counter(f"{name}_runs", meaning, lambda: done.made)
        meaning = "Shadows that this process has given up; nothing else depends on them."
        self._counter(f"{name}_failures", meaning, lambda: done.failed)
        meaning = "Shadows that were not ordered: too many waited, or the engine is not allowed."
        self._counter(f"{name}_left_out", meaning, lambda: done.left_out)
        meaning = "Seconds of audio that shadow engines have heard in this process."
        self._counter(f"{name}_audio_seconds", meaning, lambda: done.audio_s)
        meaning = "Seconds that shadow engines have computed in this process."
        self._counter(f"{name}_compute_seconds", meaning, lambda: done.compute_s)
        waiting = self._gauge(f"{name}_waiting", "Recordings that wait for a shadow engine.")

        async def read() -> None:
            waiting.set(math.nan)
            with contextlib.suppress(TwicetoldError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    waiting.set((await tally()).waiting)

        self._read.append(read)

    def engines(
        self,
        pass_: Pass,
        healths: Mapping[str, EngineHealth],
        guarded: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    ) -> None:
        """Show how the engines of a pass do, and what their guards did by reason, by their
        labels."""
        if self._engines is None:
            self._engines = EngineCollector()
            self._registry.register(self._engines)
        self._engines.show(pass_, healths, guarded)

    def foreign(self, role: Role, count: Callable[[], int]) -> None:
        """Show how many messages a role found in its log that were none of ours."""
        meaning = "Messages in the log that are none of ours, or of a newer version: passed over."
        self._counter(f"twicetold_{role}_foreign_messages", meaning, count)

    async def rendered(self) -> bytes:
        """All figures in Prometheus' text format 0.0.4; see ``CONTENT_TYPE``."""
        for read in self._read:
            await read()
        # The process's own are read from files.
        return await asyncio.to_thread(generate_latest, self._registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self._registry)

    def _counter(self, name: str, meaning: str, count: Callable[[], float]) -> None:
        """Its sample's name ends in ``_total``."""
        counter = Counter(name, meaning, registry=self._registry)
        told = 0.0

        async def read() -> None:
            nonlocal told
            now = count()
            counter.inc(now - told)
            told = now

        self._read.append(read)
