"""Pools of hosts that run the fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.integration.engine_fakes import FAKE_INFO

from twicetold.engines.pool import HostPool

FAKES = "tests.integration.engine_fakes"
ROOT = Path(__file__).parents[2]


def find_the_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts import them by name."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@asynccontextmanager
async def fake_pool(
    attribute: str = "FakeEngine",
    *,
    hosts: int = 1,
    streams_per_host: int | None = 4,
    niceness: int = 0,
    timeout_s: float = 30.0,
    options: dict[str, object] | None = None,
) -> AsyncIterator[HostPool]:
    pool = HostPool(
        f"{FAKES}:{attribute}",
        FAKE_INFO,
        hosts=hosts,
        streams_per_host=streams_per_host,
        niceness=niceness,
        timeout_s=timeout_s,
        options=options,
    )
    await pool.start()
    try:
        yield pool
    finally:
        await pool.aclose()
