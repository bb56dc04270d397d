"""The session stores, each under the contract, and what only SQLite promises."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from itertools import count
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.contracts.sessions_contract")

from tests.contracts.sessions_contract import (  # noqa: E402
    KEY,
    LONG_S,
    OpenSessions,
    SessionsContract,
    final,
    record,
)

from twicetold.errors import SwapLost, Unavailable  # noqa: E402
from twicetold.sessions import Sessions, State  # noqa: E402
from twicetold.sessions.fields import LATER  # noqa: E402
from twicetold.sessions.sqlite import SqliteSessions  # noqa: E402
from twicetold.speech.identity import CallKey  # noqa: E402

pytestmark = pytest.mark.contracts


class TestSqliteSessions(SessionsContract):
    @pytest.fixture
    def open_sessions(self, tmp_path: Path) -> OpenSessions:
        numbers = count()

        @asynccontextmanager
        async def fresh() -> AsyncIterator[Sessions]:
            store = SqliteSessions(tmp_path / f"sessions-{next(numbers)}.db")
            try:
                yield store
            finally:
                await store.aclose()

        return fresh

    async def test_everything_is_there_after_a_restart(self, tmp_path: Path) -> None:
        path = tmp_path / "sessions.db"
        first = SqliteSessions(path)
        await first.create(record(), LONG_S)
        await first.swap(KEY, {"owner": 0}, {"add_final": final(1), "state": State.CLOSING})
        await first.aclose()
        second = SqliteSessions(path)
        assert await second.load(KEY) == record(event=1, state=State.CLOSING, finals=(final(1),))
        assert await second.leased(KEY)
        await second.aclose()

    async def test_two_stores_on_one_file_compare_with_each_other(self, tmp_path: Path) -> None:
        stores = [SqliteSessions(tmp_path / "sessions.db") for _ in range(2)]
        await stores[0].create(record(), LONG_S)
        won = 0
        for epoch in range(1, 20):
            results = await asyncio.gather(
                *(store.swap(KEY, {"epoch": epoch}, {"epoch": epoch + 1}) for store in stores),
                return_exceptions=True,
            )
            won += sum(result is None for result in results)
            assert sum(isinstance(result, SwapLost) for result in results) == 1
        assert won == 19
        for store in stores:
            await store.aclose()

    async def test_records_of_before_fields_came_go_on(self, tmp_path: Path) -> None:
        path = tmp_path / "sessions.db"
        store = SqliteSessions(path)
        await store.create(record(event=1, finals=(final(1),)), LONG_S)
        await store.aclose()
        with closing(sqlite3.connect(path)) as db:  # as it was made then
            db.execute("ALTER TABLE sessions DROP COLUMN cuts")
            db.execute("ALTER TABLE sessions DROP COLUMN heard_ms")
            db.execute("ALTER TABLE sessions DROP COLUMN redaction")
        async with asyncio.TaskGroup() as group:  # of two that start together, one adds it
            opening = [group.create_task(asyncio.to_thread(SqliteSessions, path)) for _ in range(2)]
        first, second = (each.result() for each in opening)
        assert await first.load(KEY) == record(event=1, finals=(final(1),))
        await first.swap(KEY, {"owner": 0}, {"cuts": (7, 0), "heard_ms": 8})
        changed = record(event=1, finals=(final(1),), cuts=(7, 0), heard_ms=8)
        assert await second.load(KEY) == changed
        with closing(sqlite3.connect(path)) as db:  # a process of before, beside them
            columns = [row[1] for row in db.execute("PRAGMA table_info(sessions)")]
            named = ", ".join(column for column in columns if column not in LATER)
            db.execute(
                f"INSERT INTO sessions ({named}) SELECT"
                f" {named.replace('call_id', repr('older'))} FROM sessions"
            )
            db.commit()
        older = CallKey(KEY.tenant, "older")
        assert await first.load(older) == record(older, event=1)
        await first.aclose()
        await second.aclose()

    async def test_the_lease_follows_the_stores_clock(self, tmp_path: Path) -> None:
        now = 1_000.0
        store = SqliteSessions(tmp_path / "sessions.db", clock=lambda: now)
        await store.create(record(), 10.0)
        now = 1_009.9
        assert await store.leased(KEY)
        now = 1_010.0
        assert not await store.leased(KEY)
        assert await store.sweep(0.0) == [record()]
        assert await store.sweep(60.0) == []
        now = 1_070.0
        assert await store.sweep(60.0) == [record()]
        await store.aclose()

    async def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        store = SqliteSessions(tmp_path / "sessions.db")
        await store.aclose()
        await store.aclose()
        with pytest.raises(Unavailable, match=r"sessions\.db is closed"):
            await store.swap(KEY, {}, {"owner": 1})
        with pytest.raises(Unavailable):
            await store.load(KEY)

    async def test_remove_leaves_no_word_on_the_disk(self, tmp_path: Path) -> None:
        store = SqliteSessions(tmp_path / "sessions.db")
        other = CallKey("acme", "call-2")
        for key in (KEY, other):
            await store.create(record(key), LONG_S)
            for event in range(1, 40):
                await store.swap(key, {}, {"add_final": final(event, f"{key.call_id} secret" * 90)})
        await store.swap(KEY, {}, {"trim_finals": 20})
        await store.remove(KEY)
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # noqa: ASYNC240
        assert b"call-1 secret" not in kept
        assert b"call-2 secret" in kept
        await store.aclose()

    async def test_an_ingest_swap_touches_neither_finals_nor_index(self, tmp_path: Path) -> None:
        store = SqliteSessions(tmp_path / "sessions.db")
        await store.aclose()
        with closing(sqlite3.connect(tmp_path / "sessions.db")) as db:
            plan = db.execute(
                "EXPLAIN UPDATE sessions SET next_seq = 1, next_sample = 2, lease_until = 3"
                " WHERE tenant = 'a' AND call_id = 'b' AND epoch = 1"
            ).fetchall()
        opened = [row for row in plan if row[1] == "OpenWrite"]
        assert len(opened) == 1  # the table's own tree
