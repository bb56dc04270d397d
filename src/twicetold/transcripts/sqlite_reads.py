"""What the SQLite transcript store reads; each function runs in one read transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from twicetold.errors import CallDeleted, SwapLost
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment
from twicetold.transcripts import Call, CallFilter, CallPage, Version
from twicetold.transcripts.cursors import decode_cursor, encode_cursor
from twicetold.transcripts.sqlite_rows import (
    CALL_COLUMNS,
    FINAL_COLUMNS,
    SEGMENT_COLUMNS,
    call_of,
    final_of,
    segment_of,
)
from twicetold.transcripts.sqlite_schema import DRAFT_REVISION

_PAGE_SEGMENTS = 200


def call(db: sqlite3.Connection, key: CallKey) -> Call | None:
    row = db.execute(
        f"SELECT {CALL_COLUMNS} FROM calls WHERE tenant = ? AND call_id = ?", key
    ).fetchone()
    return None if row is None else call_of(row)


def calls(
    db: sqlite3.Connection,
    tenant: str,
    limit: int,
    cursor: str | None,
    only: CallFilter,
) -> CallPage:
    conditions: list[tuple[str, object]] = [
        ("status = ?", only.status),
        ("source = ?", only.source),
        ("instr(lower(call_id), lower(?)) > 0", only.id_part),
        ("started_at >= ?", only.started_after),
        ("started_at < ?", only.started_before),
    ]
    wanted = [(condition, value) for condition, value in conditions if value is not None]
    where = ["tenant = ?", *(condition for condition, _ in wanted)]
    asked: list[object] = [tenant, *(value for _, value in wanted)]
    if cursor is not None:
        where.append("(started_at, call_id) < (?, ?)")
        asked += decode_cursor(cursor, "calls", (float, str))
    rows = db.execute(
        f"SELECT {CALL_COLUMNS} FROM calls WHERE {' AND '.join(where)}"
        " ORDER BY started_at DESC, call_id DESC LIMIT ?",
        (*asked, limit + 1),
    ).fetchall()
    found = [call_of(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return CallPage(found, None)
    return CallPage(found, encode_cursor("calls", (found[-1].started_at, found[-1].key.call_id)))


@dataclass(frozen=True, slots=True)
class SegmentPage:
    """Some segments of one revision, in order of start, channel and number."""

    revision: int
    segments: list[Segment]
    is_last: bool


def first_segments(db: sqlite3.Connection, key: CallKey, version: Version) -> SegmentPage:
    revision = DRAFT_REVISION
    if version is Version.CANONICAL:
        revision = _canonical_id(db, key) or DRAFT_REVISION
        if revision == DRAFT_REVISION:
            return SegmentPage(revision, [], is_last=True)
    return segment_page(db, key, revision)


def next_segments(db: sqlite3.Connection, key: CallKey, before: SegmentPage) -> SegmentPage:
    """The page after ``before``. Raises SwapLost or CallDeleted where its revision is gone."""
    standing = _canonical_id(db, key)
    if standing is None:
        raise CallDeleted(f"Call {key.call_id} was deleted while it was read.")
    if before.revision not in (DRAFT_REVISION, standing):
        raise SwapLost(
            f"The transcript of call {key.call_id} was replaced while it was read.",
            "Read it again.",
        )
    return segment_page(db, key, before.revision, before.segments[-1])


def segment_page(
    db: sqlite3.Connection,
    key: CallKey,
    revision: int,
    last: Segment | None = None,
    table: str = "segments",
) -> SegmentPage:
    """The segments of a revision behind ``last``, as many as a page has."""
    place = () if last is None else (last.start, last.channel, last.number)
    after = "AND (start_s, channel, number) > (?, ?, ?)" if place else ""
    rows = db.execute(
        f"SELECT {SEGMENT_COLUMNS} FROM {table}"
        f" WHERE tenant = ? AND call_id = ? AND revision = ? {after}"
        " ORDER BY start_s, channel, number LIMIT ?",
        (*key, revision, *place, _PAGE_SEGMENTS),
    ).fetchall()
    return SegmentPage(revision, [segment_of(row) for row in rows], len(rows) < _PAGE_SEGMENTS)


def _canonical_id(db: sqlite3.Connection, key: CallKey) -> int | None:
    """The revision that stands, 0 for none; None where there is no such call."""
    row = db.execute(
        "SELECT canonical_id FROM calls WHERE tenant = ? AND call_id = ?", key
    ).fetchone()
    return None if row is None else int(row[0])


def draft_finals(db: sqlite3.Connection, key: CallKey, after_event: int) -> list[Final]:
    rows = db.execute(
        f"SELECT {FINAL_COLUMNS} FROM segments WHERE tenant = ? AND call_id = ?"
        " AND revision = ? AND number > ? ORDER BY number",
        (*key, DRAFT_REVISION, after_event),
    )
    return [final_of(row) for row in rows]


def insights(db: sqlite3.Connection, key: CallKey) -> dict[str, Any] | None:
    row = db.execute("SELECT body FROM insights WHERE tenant = ? AND call_id = ?", key).fetchone()
    return None if row is None else dict(json.loads(row[0]))


def buried(db: sqlite3.Connection, key: CallKey) -> bool:
    row = db.execute("SELECT 1 FROM tombstones WHERE tenant = ? AND call_id = ?", key).fetchone()
    return row is not None


def unfinished_burials(db: sqlite3.Connection) -> list[CallKey]:
    rows = db.execute("SELECT tenant, call_id FROM unfinished_burials ORDER BY tenant, call_id")
    return [CallKey(*row) for row in rows]
