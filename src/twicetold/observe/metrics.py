"""Figures of one process for Prometheus. None of them names a tenant or a call: who watches the
machine need not know whose calls they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Lags = Callable[[], Sequence[float]]

_LAG = {
    "live": "Seconds of audio that a live worker has read and not heard yet",
    "record": "Seconds of audio that a recorder has read and not gathered yet",
}


class Metrics:
    """What the roles of this process say of themselves, asked anew for each ``rendered``."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._read: list[Callable[[], None]] = []

    def lag(self, role: Literal["live", "record"], lags: Lags) -> None:
        """Show how far a role is behind. ``lags``: per running call, in seconds of audio."""
        name = f"twicetold_{role}_lag_seconds"
        most = self._gauge(name, f"{_LAG[role]}: of the call that is furthest behind.")
        total = self._gauge(f"{name}_sum", f"{_LAG[role]}: over all its calls.")
        calls = self._gauge(f"twicetold_{role}_calls", "Calls that run in this process.")

        def read() -> None:
            seconds = lags()
            most.set(max(seconds, default=0.0))
            total.set(sum(seconds))
            calls.set(len(seconds))

        self._read.append(read)

    def live_calls(self, count: Callable[[], int]) -> None:
        """Show how many clients speak into a gateway."""
        gauge = self._gauge("twicetold_gateway_live_calls", "Live calls connected to this gateway.")
        self._read.append(lambda: gauge.set(count()))

    async def rendered(self) -> bytes:
        """All figures in Prometheus' text format 0.0.4; see ``CONTENT_TYPE``."""
        for read in self._read:
            read()
        # The process's own are read from files.
        return await asyncio.to_thread(generate_latest, self._registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self._registry)
