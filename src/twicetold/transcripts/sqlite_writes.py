"""What the SQLite transcript store writes; each function runs in one transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any

from twicetold.errors import CallDeleted, CallNotFound, SwapLost
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment
from twicetold.transcripts import Call, NewCall, Revision, Status
from twicetold.transcripts import sqlite_usage as using
from twicetold.transcripts.prices import Prices
from twicetold.transcripts.sqlite_reads import buried
from twicetold.transcripts.sqlite_rows import (
    INSERT_SEGMENT,
    UPSERT_SEGMENT,
    outcomes_json,
    row_of_final,
    row_of_segment,
)
from twicetold.transcripts.sqlite_schema import DRAFT_REVISION
from twicetold.transcripts.usage import Usage

_OF_A_CALL = ("segments", "revisions", "shadow_segments", "shadows", "insights", "calls")


def begin_call(db: sqlite3.Connection, call: NewCall) -> None:
    refuse_buried(db, call.key)
    db.execute(
        "INSERT OR IGNORE INTO calls"
        " (tenant, call_id, status, source, language, channels, rate, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *call.key,
            Status.LIVE if call.source == "live" else Status.RECORDED,
            call.source,
            call.language,
            call.channels,
            call.rate,
            call.started_at,
        ),
    )


def save_draft(db: sqlite3.Connection, key: CallKey, finals: Iterable[Final]) -> None:
    rows = [row_of_final(key, final) for final in finals]
    _change(db, key, "has_draft = has_draft OR ?", bool(rows))
    db.executemany(UPSERT_SEGMENT, rows)


def end_call(
    db: sqlite3.Connection, key: CallKey, ended_at: float, length_s: float, engine: str
) -> None:
    writers = db.execute(
        "SELECT engine FROM segments WHERE tenant = ? AND call_id = ? AND revision = ?"
        " AND engine <> '' GROUP BY engine ORDER BY count(*) DESC, min(number)",
        (*key, DRAFT_REVISION),
    ).fetchall()
    _change(
        db,
        key,
        "ended_at = coalesce(ended_at, ?), length_s = ?, draft_engine = ?, has_draft = 1,"
        " status = CASE status WHEN ? THEN ? ELSE status END",
        ended_at,
        length_s,
        ", ".join(writer for (writer,) in writers) or engine,
        Status.LIVE,
        Status.RECORDED,
    )


def set_recording(
    db: sqlite3.Connection, key: CallKey, recording: str, length_s: float | None
) -> None:
    _change(db, key, "recording = ?, length_s = coalesce(?, length_s)", recording, length_s)


def set_status(
    db: sqlite3.Connection, key: CallKey, status: Status, code: str | None, error: str | None
) -> None:
    _change(db, key, "status = ?, error_code = ?, error = ?", status, code, error)


def set_draft_wer(db: sqlite3.Connection, key: CallKey, wer: float, normaliser: str) -> None:
    _change(db, key, "draft_wer = ?, draft_wer_normaliser = ?", wer, normaliser)


def set_outcomes(db: sqlite3.Connection, key: CallKey, outcomes: Mapping[str, str]) -> None:
    _change(db, key, "outcomes = ?", outcomes_json(outcomes))


def rescore(
    db: sqlite3.Connection,
    seen: Call,
    lead_score: float,
    insights: Mapping[str, Any],
    outcomes: Mapping[str, str],
) -> bool:
    """Whether it was done: only while the row is as it was seen."""
    refuse_buried(db, seen.key)
    changed = db.execute(
        "UPDATE calls SET lead_score = ?, outcomes = ? WHERE tenant = ? AND call_id = ?"
        " AND canonical_revision = ? AND outcomes = ?",
        (
            *(lead_score, outcomes_json(outcomes), *seen.key),
            *(seen.canonical_revision, outcomes_json(seen.outcomes)),
        ),
    )
    if changed.rowcount == 1:
        _keep_insights(db, seen.key, insights)
    return changed.rowcount == 1


def open_revision(db: sqlite3.Connection, key: CallKey) -> int:
    """A new, invisible revision's number. What others left half written is removed."""
    _change(db, key, "canonical_id = canonical_id")
    _drop_revisions(
        db, key, "id <> (SELECT canonical_id FROM calls WHERE tenant = ?1 AND call_id = ?2)"
    )
    made = db.execute("INSERT INTO revisions (tenant, call_id) VALUES (?, ?)", key)
    assert made.lastrowid is not None
    return made.lastrowid


def add_segments(
    db: sqlite3.Connection, key: CallKey, revision: int, segments: Iterable[Segment]
) -> None:
    """Raises SwapLost where a later attempt has taken this one's place."""
    refuse_buried(db, key)
    if not _is_open(db, key, revision):
        raise SwapLost(f"Another attempt at call {key.call_id} has taken over.")
    db.executemany(INSERT_SEGMENT, [row_of_segment(key, revision, one) for one in segments])


def switch(
    db: sqlite3.Connection, key: CallKey, number: int, revision: Revision, last: list[Segment]
) -> None:
    """The atomic step: the last segments, the row that points to them, the old ones' removal."""
    add_segments(db, key, number, last)
    _change(
        db,
        key,
        "canonical_id = ?, canonical_revision = ?, canonical_engine = ?, language = ?,"
        " length_s = ?, channels = ?, status = ?, error_code = NULL, error = NULL,"
        " draft_wer = NULL, draft_wer_normaliser = NULL, provisional = ?, sentiment = ?,"
        " lead_score = ?",
        number,
        revision.name,
        revision.engine,
        revision.language,
        revision.length_s,
        revision.channels,
        Status.DONE,
        revision.provisional,
        revision.sentiment,
        revision.lead_score,
    )
    _keep_insights(db, key, revision.insights)
    _drop_revisions(db, key, "id <> ?3", number)


def _keep_insights(db: sqlite3.Connection, key: CallKey, insights: Mapping[str, Any]) -> None:
    db.execute(
        "INSERT OR REPLACE INTO insights (tenant, call_id, body) VALUES (?, ?, ?)",
        (*key, json.dumps(insights, ensure_ascii=False, separators=(",", ":"))),
    )


def drop_revision(db: sqlite3.Connection, key: CallKey, revision: int) -> None:
    """Remove a half-written revision; one that became the canonical one stays."""
    _drop_revisions(
        db, key, "id = ?3 AND NOT EXISTS (SELECT 1 FROM calls WHERE canonical_id = ?3)", revision
    )


def record_usage(db: sqlite3.Connection, usage: Iterable[Usage], prices: Prices) -> None:
    for each in usage:
        refuse_buried(db, each.key)
        using.record(db, each, prices)


def bury(db: sqlite3.Connection, key: CallKey) -> None:
    """The tombstone first, then every row; all of it or nothing."""
    db.execute(
        "INSERT OR IGNORE INTO tombstones (tenant, call_id, buried_at) VALUES (?, ?, ?)",
        (*key, time.time()),
    )
    db.execute("INSERT OR IGNORE INTO unfinished_burials (tenant, call_id) VALUES (?, ?)", key)
    using.keep_sums(db, key)
    for table in _OF_A_CALL:
        db.execute(f"DELETE FROM {table} WHERE tenant = ? AND call_id = ?", key)


def finish_burial(db: sqlite3.Connection, key: CallKey) -> None:
    db.execute("DELETE FROM unfinished_burials WHERE tenant = ? AND call_id = ?", key)


def _change(db: sqlite3.Connection, key: CallKey, assignments: str, *values: object) -> None:
    """Update the call's row. Raises CallDeleted or CallNotFound."""
    refuse_buried(db, key)
    changed = db.execute(
        f"UPDATE calls SET {assignments} WHERE tenant = ? AND call_id = ?", (*values, *key)
    )
    if changed.rowcount != 1:
        raise CallNotFound(f"There is no call {key.call_id}.")


def refuse_buried(db: sqlite3.Connection, key: CallKey) -> None:
    if buried(db, key):
        raise CallDeleted(f"Call {key.call_id} was deleted.")


def _is_open(db: sqlite3.Connection, key: CallKey, revision: int) -> bool:
    row = db.execute(
        "SELECT 1 FROM revisions WHERE id = ? AND tenant = ? AND call_id = ?", (revision, *key)
    ).fetchone()
    return row is not None


def _drop_revisions(db: sqlite3.Connection, key: CallKey, which: str, *values: int) -> None:
    """Remove the call's revisions that ``which`` (of ?3 on) describes, with their segments."""
    chosen = f"SELECT id FROM revisions WHERE tenant = ?1 AND call_id = ?2 AND {which}"
    asked = (*key, *values)
    db.execute(
        f"DELETE FROM segments WHERE tenant = ?1 AND call_id = ?2 AND revision IN ({chosen})", asked
    )
    db.execute(f"DELETE FROM revisions WHERE id IN ({chosen})", asked)
