"""A server that starts while another process holds one of its databases: it waits for it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from twicetold import database_file
from twicetold.config import Settings
from twicetold.wiring.opening import carriers

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", ["transcripts", "queue", "webhooks", "sessions", "shadows"])
async def test_it_waits_where_it_has_to_write_and_is_up_once_the_lock_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings = Settings(data_dir=tmp_path, live_engine="counter", batch_engine="counter")
    async with carriers(settings):
        pass
    monkeypatch.setattr(database_file, "_BUSY_TIMEOUT_S", 0.1)
    with capture_logs() as logs, closing(_held(tmp_path / f"{name}.sqlite3")) as holding:
        async with AsyncExitStack() as stack:
            opening = asyncio.ensure_future(stack.enter_async_context(carriers(settings)))
            done, _ = await asyncio.wait({opening}, timeout=2.0)
            holding.execute("COMMIT")
            await opening
    waits = [each for each in logs if each["event"] == "start_waits_for_database"]
    assert bool(waits) is not bool(done)
    assert done or name in ("queue", "webhooks")  # where what a dead process held is freed


def _held(path: Path) -> sqlite3.Connection:
    holding = sqlite3.connect(path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    return holding
