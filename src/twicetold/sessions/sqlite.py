"""The session store in one SQLite file: a row a call, its finals in a table of their own.

A swap is one UPDATE whose WHERE holds exactly the compared fields; its row count tells
whether the comparison held. Finals are touched only by ``add_final`` and ``trim_finals``.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from twicetold.database import Database
from twicetold.errors import CallInUse, SessionLost, SwapLost
from twicetold.sessions import Changes, Expected, Record, State
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

_PLAIN = (
    "rate",
    "channels",
    "language",
    "encoding",
    "input_rate",
    "token_hash",
    "started_at",
    "gateway",
    "epoch",
    "next_seq",
    "next_sample",
    "owner",
    "takeovers",
    "event",
)
_LISTS = ("boundaries", "utterances", "adaptation")
_FIELDS = (*_PLAIN, *_LISTS, "state", "recorded")
_ROW = ", ".join(("tenant", "call_id", *_FIELDS))

_THE_CALL = "tenant = ? AND call_id = ?"
_ADD_FINAL = "INSERT INTO finals (tenant, call_id, event, body) VALUES (?, ?, ?, ?)"
_TRIM_FINALS = f"DELETE FROM finals WHERE {_THE_CALL} AND event <= ?"
_UNFINISHED = "(state <> 'closed' OR recorded = 0)"  # as the partial index says it

_COMPARED = Expected.__optional_keys__
_CHANGED = Changes.__optional_keys__
_ACTS = frozenset({"lease_s", "add_final", "trim_finals"})


class SqliteSessions:
    """Sessions in the file at ``path``; several processes may share it."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open or make the file. ``clock`` gives Unix seconds. Raises CorruptDatabase."""
        self._database = Database(path, _SCHEMA, extra_pragmas=("secure_delete=ON",))
        self._clock = clock

    async def start(self) -> None:
        """The file is open already."""

    async def check(self) -> None:
        await self._database.read(lambda db: db.execute("SELECT 1").fetchone())

    async def create(self, record: Record, lease_s: float) -> None:
        marks = ", ".join("?" * (len(_FIELDS) + 3))
        insert = (
            f"INSERT INTO sessions ({_ROW}, lease_until) VALUES ({marks}) ON CONFLICT DO NOTHING"
        )
        values = [_stored(name, getattr(record, name)) for name in _FIELDS]

        def work(db: sqlite3.Connection) -> None:
            lease_until = self._clock() + lease_s
            if not db.execute(insert, (*record.key, *values, lease_until)).rowcount:
                raise CallInUse(f"The call {record.key} exists already.")
            db.executemany(_ADD_FINAL, [_final_row(record.key, final) for final in record.finals])

        await self._database.write(work)

    async def load(self, key: CallKey) -> Record | None:
        records = await self._select(_THE_CALL, key)
        return records[0] if records else None

    async def swap(self, key: CallKey, expected: Expected, changes: Changes) -> None:
        """Raises TypeError for a field that is not one of the port's, ValueError where
        ``event`` is given and is not the added final's."""
        compare, compared = _comparison(expected, changes)
        final = changes.get("add_final")
        trim = changes.get("trim_finals")
        names = [name for name in changes if name not in _ACTS]
        values = [_stored(name, changes[name]) for name in names]  # type: ignore[literal-required]
        if final is not None and "event" not in names:
            names.append("event")
            values.append(final.event)
        lease_s = changes.get("lease_s")
        if lease_s is not None:
            names.append("lease_until")
        statement = _swap_statement(tuple(names), compare)
        row = None if final is None else _final_row(key, final)

        def work(db: sqlite3.Connection) -> None:
            lease = () if lease_s is None else (self._clock() + lease_s,)
            cursor = db.execute(statement, (*values, *lease, *key, *compared))
            held = cursor.rowcount if names else cursor.fetchone()
            if not held:
                raise _lost(db, key)
            if row is not None:
                db.execute(_ADD_FINAL, row)
            if trim is not None:
                db.execute(_TRIM_FINALS, (*key, trim))

        await self._database.write(work)

    async def leased(self, key: CallKey) -> bool:
        """False also where there is no record."""

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


def _comparison(expected: Expected, changes: Changes) -> tuple[tuple[str, ...], list[object]]:
    """The names that the WHERE compares, and their values. Raises TypeError, ValueError."""
    if not (expected.keys() <= _COMPARED and changes.keys() <= _CHANGED):
        unknown = (expected.keys() - _COMPARED) | (changes.keys() - _CHANGED)
        raise TypeError(f"a session has no field {', '.join(sorted(unknown))}")
    names = [*expected]
    values: list[object] = [_stored(name, value) for name, value in expected.items()]
    final = changes.get("add_final")
    if final is not None:
        if changes.get("event", final.event) != final.event:
            raise ValueError(f"event {changes['event']} is not the final's, {final.event}")
        names.append("event")  # the call's last event, whatever else was compared
        values.append(final.event - 1)
    return tuple(names), values


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
    return SessionLost(f"The session of the call {key} is gone.")


def _stored(name: str, value: Any) -> object:
    """A field's value as the column holds it."""
    if name == "state":
        return State(value).value
    if name in _LISTS:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return int(value) if name == "recorded" else value


def _final_row(key: CallKey, final: Final) -> tuple[object, ...]:
    body = json.dumps(final.to_dict(), ensure_ascii=False, separators=(",", ":"))
    return (*key, final.event, body)


def _finals(db: sqlite3.Connection, key: CallKey) -> tuple[Final, ...]:
    bodies: Iterable[tuple[str]] = db.execute(
        f"SELECT body FROM finals WHERE {_THE_CALL} ORDER BY event", key
    )
    return tuple(Final.from_dict(json.loads(body)) for (body,) in bodies)


def _record(row: tuple[Any, ...], finals: tuple[Final, ...]) -> Record:
    fields = dict(zip(_FIELDS, row[2:], strict=True))
    for name in _LISTS:
        fields[name] = tuple(json.loads(fields[name]))
    fields["state"] = State(fields["state"])
    fields["recorded"] = bool(fields["recorded"])
    return Record(key=CallKey(row[0], row[1]), finals=finals, **fields)
