"""The outboxes, each under the contract, and what only SQLite promises."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.contracts.webhooks_contract")

from tests.contracts.webhooks_contract import URL, OutboxContract, Rig  # noqa: E402

from twicetold import webhooks  # noqa: E402
from twicetold.errors import Unavailable  # noqa: E402
from twicetold.webhooks import COMPLETED, sqlite_rows  # noqa: E402
from twicetold.webhooks.sqlite import SqliteOutbox  # noqa: E402

pytestmark = pytest.mark.contracts


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_172_400.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    outbox = SqliteOutbox(tmp_path / "webhooks.sqlite3", clock=clock)
    another = SqliteOutbox(tmp_path / "webhooks.sqlite3", clock=clock)
    yield Rig(outbox, another, clock.forward)
    await outbox.aclose()
    await another.aclose()


class TestSqlite(OutboxContract):
    """On a file of its own."""


async def test_what_was_queued_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.sqlite3"
    first = SqliteOutbox(path)
    made = await first.add("acme", URL, [COMPLETED])
    await first.emit("acme", COMPLETED, "call-1", {}, "evt_1")
    claimed = await first.claim()
    await first.aclose()
    again = SqliteOutbox(path)
    assert await again.free_claims() == 1  # whoever had it is dead
    due = await again.claim()
    assert (due.delivery.id, due.delivery.attempts) == (claimed.delivery.id, 1)
    assert due.endpoint.secret == made.secret
    await again.aclose()
    with pytest.raises(Unavailable):
        await again.claim()


async def test_a_file_of_an_older_version_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.sqlite3"
    older = SqliteOutbox(path)
    made = await older.add("acme", URL, [COMPLETED])
    await older.aclose()
    with contextlib.closing(sqlite3.connect(path)) as db:
        for column in ("former_secret", "former_until"):
            db.execute(f"ALTER TABLE endpoints DROP COLUMN {column}")
    again = SqliteOutbox(path)
    assert await again.endpoints() == [made]
    assert (await again.rotate("acme", made.id, 60.0)).former_secret == made.secret
    await again.aclose()


async def test_only_the_owner_may_read_the_secrets(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path / "data" / "webhooks.sqlite3")
    await outbox.add("acme", URL, [COMPLETED])
    modes = {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "data").iterdir()}
    await outbox.aclose()
    assert modes == {0o600}


async def test_an_endpoint_that_takes_nothing_fills_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_rows, "MOST_PENDING", 3)
    assert webhooks.MOST_PENDING == 10_000
    outbox = SqliteOutbox(tmp_path / "webhooks.sqlite3")
    await outbox.add("acme", URL, [COMPLETED])
    for number in range(5):
        await outbox.emit("acme", COMPLETED, f"call-{number}", {}, f"evt_{number}")
    [full] = await outbox.endpoints("acme")
    assert (full.pending, full.dropped) == (3, 2)
    await (await outbox.claim()).delivered(200)
    await outbox.emit("acme", COMPLETED, "call-9", {}, "evt_9")
    [full] = await outbox.endpoints("acme")
    assert (full.pending, full.dropped) == (3, 2)
    await outbox.aclose()
