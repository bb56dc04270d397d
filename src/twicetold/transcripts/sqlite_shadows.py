"""Shadows in the SQLite transcript store; each function runs in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from twicetold.errors import CallDeleted, CallNotFound, SwapLost
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment
from twicetold.transcripts import Shadow, ShadowPage
from twicetold.transcripts.cursors import decode_cursor, encode_cursor
from twicetold.transcripts.sqlite_reads import SegmentPage, buried, call, segment_page
from twicetold.transcripts.sqlite_rows import INSERT_SEGMENT, row_of_segment
from twicetold.transcripts.sqlite_writes import refuse_buried

_TABLE = "shadow_segments"
_INSERT = INSERT_SEGMENT.replace("INTO segments", f"INTO {_TABLE}")
_FIGURES = (
    "engine", "canonical_engine", "revision", "language", "normaliser", "words",
    "canonical_words", "substitutions", "insertions", "deletions", "audio_s", "compute_s",
    "made_at",
)  # fmt: skip
_COLUMNS = ", ".join(f"s.{name}" for name in _FIGURES)
_SELECT = (
    f"SELECT s.id, s.tenant, s.call_id, {_COLUMNS}, s.pass,"
    " coalesce(c.canonical_revision, '') <> s.revision, c.draft_wer"
    " FROM shadows AS s LEFT JOIN calls AS c ON c.tenant = s.tenant AND c.call_id = s.call_id"
    " WHERE s.ready AND s.tenant = ?"
)


def open_shadow(db: sqlite3.Connection, key: CallKey, pass_: str) -> int:
    """A new shadow's number, not ready yet. What others left half written is removed. Raises
    CallDeleted or CallNotFound."""
    refuse_buried(db, key)
    if call(db, key) is None:
        raise CallNotFound(f"There is no call {key.call_id}.")
    _drop(db, key, "NOT ready AND pass = ?3", pass_)
    made = db.execute("INSERT INTO shadows (tenant, call_id, pass) VALUES (?, ?, ?)", (*key, pass_))
    assert made.lastrowid is not None
    return made.lastrowid


def add_segments(
    db: sqlite3.Connection, key: CallKey, number: int, segments: Iterable[Segment]
) -> None:
    """Raises SwapLost where a later attempt has taken this one's place."""
    refuse_buried(db, key)
    if db.execute("SELECT 1 FROM shadows WHERE id = ?", (number,)).fetchone() is None:
        raise SwapLost(f"Another shadow of call {key.call_id} has taken over.")
    db.executemany(_INSERT, [row_of_segment(key, number, one) for one in segments])


def switch(
    db: sqlite3.Connection, key: CallKey, number: int, shadow: Shadow, last: list[Segment]
) -> None:
    """The last segments, the figures, the shadow before it gone: all of it or nothing."""
    add_segments(db, key, number, last)
    assignments = ", ".join(f"{name} = ?" for name in _FIGURES)
    values = [getattr(shadow, name) for name in _FIGURES]
    db.execute(f"UPDATE shadows SET ready = 1, {assignments} WHERE id = ?", (*values, number))
    _drop(db, key, "id <> ?3 AND pass = ?4", number, shadow.pass_)


def drop(db: sqlite3.Connection, key: CallKey, number: int) -> None:
    """Remove one that is half written; one that is ready stays."""
    _drop(db, key, "id = ?3 AND NOT ready", number)


def shadow(db: sqlite3.Connection, key: CallKey, pass_: str) -> Shadow | None:
    row = db.execute(f"{_SELECT} AND s.call_id = ? AND s.pass = ?", (*key, pass_)).fetchone()
    return None if row is None else _shadow_of(row)


def shadows(db: sqlite3.Connection, tenant: str, limit: int, cursor: str | None) -> ShadowPage:
    """The newest first."""
    asked: list[Any] = [tenant]
    before = ""
    if cursor is not None:
        before = " AND s.id < ?"
        asked += decode_cursor(cursor, "shadows", (int,))
    rows = db.execute(
        f"{_SELECT}{before} ORDER BY s.id DESC LIMIT ?", (*asked, limit + 1)
    ).fetchall()
    found = [_shadow_of(row) for row in rows[:limit]]
    more = len(rows) > limit
    return ShadowPage(found, encode_cursor("shadows", (rows[limit - 1][0],)) if more else None)


def first_segments(db: sqlite3.Connection, key: CallKey, pass_: str) -> SegmentPage:
    row = db.execute(
        "SELECT id FROM shadows WHERE tenant = ? AND call_id = ? AND pass = ? AND ready",
        (*key, pass_),
    ).fetchone()
    if row is None:
        return SegmentPage(0, [], is_last=True)
    return segment_page(db, key, int(row[0]), table=_TABLE)


def next_segments(db: sqlite3.Connection, key: CallKey, before: SegmentPage) -> SegmentPage:
    """The page after ``before``. Raises SwapLost or CallDeleted where that shadow is gone."""
    found = db.execute("SELECT 1 FROM shadows WHERE id = ?", (before.revision,)).fetchone()
    if found is None:
        if buried(db, key):
            raise CallDeleted(f"Call {key.call_id} was deleted while it was read.")
        raise SwapLost(f"The shadow of call {key.call_id} was replaced while it was read.")
    return segment_page(db, key, before.revision, before.segments[-1], _TABLE)


def _drop(db: sqlite3.Connection, key: CallKey, which: str, *values: object) -> None:
    """Remove the call's shadows that ``which`` (of ?3 on) describes, with their segments."""
    chosen = f"SELECT id FROM shadows WHERE tenant = ?1 AND call_id = ?2 AND {which}"
    asked = (*key, *values)
    db.execute(
        f"DELETE FROM {_TABLE} WHERE tenant = ?1 AND call_id = ?2 AND revision IN ({chosen})", asked
    )
    db.execute(f"DELETE FROM shadows WHERE id IN ({chosen})", asked)


def _shadow_of(row: Sequence[Any]) -> Shadow:
    *head, pass_, stale, draft_wer = row
    figures = dict(zip(_FIGURES, head[3:], strict=True))
    key = CallKey(head[1], head[2])
    return Shadow(key=key, pass_=pass_, stale=bool(stale), draft_wer=draft_wer, **figures)
