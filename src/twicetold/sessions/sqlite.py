"""The session store in one SQLite file: a row a call, its finals in a table of their own.

A swap is one UPDATE whose WHERE holds exactly the compared fields; its row count tells
whether the comparison held. Finals are touched only by ``add_final`` and ``trim_finals``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from twicetold.database import Database
from twicetold.errors import CallInUse, SessionLost, SwapLost
from twicetold.sessions import Changes, Expected, Record
from twicetold.sessions.fields import (
    FIELDS,
    LATER,
    NUMBERS,
    changed,
    comparison,
    final_body,
    final_of,
    record_of,
    seconds,
    stored,
)
from twicetold.sessions.sqlite_coordination import SCHEMA as COORDINATION_SCHEMA
from twicetold.sessions.sqlite_coordination import SqliteCoordination
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    rate INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    language TEXT NOT NULL,
    encoding TEXT NOT NULL,
    input_rate INTEGER NOT NULL,
    token_hash TEXT NOT NULL,
    started_at REAL NOT NULL,
    state TEXT NOT NULL,
    gateway TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    next_sample INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    takeovers INTEGER NOT NULL,
    boundaries TEXT NOT NULL,
    utterances TEXT NOT NULL,
    adaptation TEXT NOT NULL,
    event INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    lease_until REAL NOT NULL,
    PRIMARY KEY (tenant, call_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_unfinished ON sessions (tenant, call_id)
    WHERE state <> 'closed' OR recorded = 0;
CREATE TABLE IF NOT EXISTS finals (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    event INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, call_id, event)
) WITHOUT ROWID;
"""

_ROW = ", ".join(("tenant", "call_id", *FIELDS))

_THE_CALL = "tenant = ? AND call_id = ?"
_ADD_FINAL = "INSERT INTO finals (tenant, call_id, event, body) VALUES (?, ?, ?, ?)"
_TRIM_FINALS = f"DELETE FROM finals WHERE {_THE_CALL} AND event <= ?"
_UNFINISHED = "(state <> 'closed' OR recorded = 0)"  # as the partial index says it


class SqliteSessions:
    """Sessions in the file at ``path``; several processes may share it."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open or make the file. ``clock`` gives Unix seconds. Raises CorruptDatabase."""
        schema = _SCHEMA + COORDINATION_SCHEMA
        self._database = Database(
            path, schema, {"sessions": _later()}, extra_pragmas=("secure_delete=ON",)
        )
        self._clock = clock
        self.coordination = SqliteCoordination(self._database, clock)

    async def start(self) -> None:
        """The file is open."""

    async def check(self) -> None:
        """By a transaction that writes nothing: whether it may write is what others can prevent."""
        await self._database.write(lambda _: None)

    async def create(self, record: Record, lease_s: float) -> None:
        marks = ", ".join("?" * (len(FIELDS) + 3))
        insert = (
            f"INSERT INTO sessions ({_ROW}, lease_until) VALUES ({marks}) ON CONFLICT DO NOTHING"
        )
        values = [stored(name, getattr(record, name)) for name in FIELDS]
        finals = [_final_row(record.key, final) for final in record.finals]
        duration_s = seconds("lease_s", lease_s)

        def work(db: sqlite3.Connection) -> None:
            lease_until = self._clock() + duration_s
            if not db.execute(insert, (*record.key, *values, lease_until)).rowcount:
                raise CallInUse(f"The call {record.key} exists already.")
            db.executemany(_ADD_FINAL, finals)

        await self._database.write(work)

    async def load(self, key: CallKey) -> Record | None:
        records = await self._select(_THE_CALL, key)
        return records[0] if records else None

    async def swap(self, key: CallKey, expected: Expected, changes: Changes) -> None:
        compared, fields = comparison(expected, changes), changed(changes)
        row = _final_row(key, changes["add_final"]) if "add_final" in changes else None
        trim = stored("trim_finals", changes["trim_finals"]) if "trim_finals" in changes else None
        lease_s = seconds("lease_s", changes["lease_s"]) if "lease_s" in changes else None
        names, values = [*fields], [*fields.values()]
        if lease_s is not None:
            names.append("lease_until")
        statement = _swap_statement(tuple(names), tuple(compared))

        def work(db: sqlite3.Connection) -> None:
            lease = () if lease_s is None else (self._clock() + lease_s,)
            cursor = db.execute(statement, (*values, *lease, *key, *compared.values()))
            held = cursor.rowcount if names else cursor.fetchone()
            if not held:
                raise _lost(db, key)
            if row is not None:
                db.execute(_ADD_FINAL, row)
            if trim is not None:
                db.execute(_TRIM_FINALS, (*key, trim))

        await self._database.write(work)

    async def leased(self, key: CallKey) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            found = db.execute(f"SELECT lease_until FROM sessions WHERE {_THE_CALL}", key)
            row = found.fetchone()
            return row is not None and row[0] > self._clock()

        return await self._database.read(work)

    async def sweep(self, abandoned_after_s: float) -> list[Record]:
        latest = self._clock() - abandoned_after_s
        return await self._select(
            f"{_UNFINISHED} AND state <> 'closed' AND lease_until <= ?", (latest,)
        )

    async def unfinished(self) -> list[Record]:
        return await self._select(_UNFINISHED, ())

    async def remove(self, key: CallKey) -> None:
        """Nothing of the call's finals is left on the disk, free pages and log included."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(f"DELETE FROM sessions WHERE {_THE_CALL}", key)
            db.execute(f"DELETE FROM finals WHERE {_THE_CALL}", key)

        await self._database.write(work)
        await self._database.empty_log()

    async def aclose(self) -> None:
        await self._database.aclose()

    async def _select(self, where: str, values: tuple[object, ...]) -> list[Record]:
        def work(db: sqlite3.Connection) -> list[Record]:
            rows = db.execute(f"SELECT {_ROW} FROM sessions WHERE {where}", values).fetchall()
            return [_record(row, _finals(db, CallKey(row[0], row[1]))) for row in rows]

        return await self._database.read(work)


def _later() -> dict[str, str]:
    kinds = {name: "INTEGER" if name in NUMBERS else "TEXT" for name in LATER}
    return {name: f"{kinds[name]} NOT NULL DEFAULT '{LATER[name]}'" for name in LATER}


@lru_cache(maxsize=256)
def _swap_statement(names: tuple[str, ...], compare: tuple[str, ...]) -> str:
    """An UPDATE, or a SELECT of one row where no column changes."""
    held = " AND ".join((_THE_CALL, *(f"{name} = ?" for name in compare)))
    if not names:
        return f"SELECT 1 FROM sessions WHERE {held}"
    return f"UPDATE sessions SET {', '.join(f'{name} = ?' for name in names)} WHERE {held}"


def _lost(db: sqlite3.Connection, key: CallKey) -> SwapLost | SessionLost:
    if db.execute(f"SELECT 1 FROM sessions WHERE {_THE_CALL}", key).fetchone():
        return SwapLost(f"Another process owns the call {key} now.")
    return SessionLost(f"The session of the call {key.call_id} is gone.")


def _final_row(key: CallKey, final: Final) -> tuple[object, ...]:
    return (*key, final.event, final_body(final))


def _finals(db: sqlite3.Connection, key: CallKey) -> tuple[Final, ...]:
    bodies: Iterable[tuple[str]] = db.execute(
        f"SELECT body FROM finals WHERE {_THE_CALL} ORDER BY event", key
    )
    return tuple(final_of(body) for (body,) in bodies)


def _record(row: tuple[Any, ...], finals: tuple[Final, ...]) -> Record:
    return record_of(CallKey(row[0], row[1]), dict(zip(FIELDS, row[2:], strict=True)), finals)
