"""The queue's tables, and what is read of them.

``free_at`` carries the queue: the moment at which a job may be claimed, which is when its next
attempt is due or when its lease runs out; done and failed jobs have none, but an ``ended_at``.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from twicetold.queue import Job, JobState, JobStatus, Tally
from twicetold.speech.identity import CallKey

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    content TEXT NOT NULL,
    recording TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    submitted_at REAL NOT NULL,
    free_at REAL,
    token TEXT,
    error_code TEXT,
    error TEXT,
    hint TEXT,
    done_s REAL NOT NULL DEFAULT 0,
    total_s REAL NOT NULL DEFAULT 0,
    ended_at REAL,
    generation INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_of_call ON jobs (tenant, call_id, number);
CREATE INDEX IF NOT EXISTS jobs_of_tenant ON jobs (tenant, number);
CREATE INDEX IF NOT EXISTS jobs_in_order ON jobs (number, free_at) WHERE free_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_by_moment ON jobs (free_at) WHERE free_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_that_failed ON jobs (number) WHERE state = 'failed';
"""

# Of a file that was made before: when its jobs ended and how often they were begun, nobody knows.
LATER = {"jobs": {"ended_at": "REAL", "generation": "INTEGER NOT NULL DEFAULT 0"}}

JOB = "tenant, call_id, content, recording, language"
_STATUS = (
    f"{JOB}, state, attempts, submitted_at, free_at, ended_at,"
    " error_code, error, hint, done_s, total_s"
)
IN_STATE = {
    JobState.WAITING: "(state = 'waiting' OR state = 'leased' AND free_at <= :now)",
    JobState.LEASED: "(state = 'leased' AND free_at > :now)",
    JobState.DONE: "state = 'done'",
    JobState.FAILED: "state = 'failed'",
}
_RUNNING = (
    "SELECT count(*) FROM jobs INDEXED BY jobs_by_moment"
    f" WHERE free_at IS NOT NULL AND {IN_STATE[JobState.LEASED]}"
)


def statuses(
    db: sqlite3.Connection, tail: str, values: dict[str, Any], now: float
) -> list[JobStatus]:
    """The jobs that ``tail``, from WHERE on, selects of ``jobs``."""
    found = db.execute(f"SELECT {_STATUS} FROM jobs {tail}", {**values, "now": now})
    return [_status(row, now) for row in found]


def tally(db: sqlite3.Connection, now: float) -> Tally:
    """Counted in indexes: no row of a job that is done or merely waits is read."""
    (unfinished,) = db.execute("SELECT count(*) FROM jobs WHERE free_at IS NOT NULL").fetchone()
    (running,) = db.execute(_RUNNING, {"now": now}).fetchone()
    (soonest,) = db.execute("SELECT min(free_at) FROM jobs WHERE free_at IS NOT NULL").fetchone()
    (failed,) = db.execute("SELECT count(*) FROM jobs WHERE state = 'failed'").fetchone()
    waited_s = 0.0 if soonest is None else max(0.0, now - soonest)
    return Tally(unfinished - running, running, failed, waited_s)


def _status(row: tuple[Any, ...], now: float) -> JobStatus:
    tenant, call_id, content, recording, language, state, attempts, submitted_at = row[:8]
    free_at, ended_at, error_code, error, hint, done_s, total_s = row[8:]
    expired = state == JobState.LEASED and free_at <= now
    shown = JobState.WAITING if expired else JobState(state)
    return JobStatus(
        job=Job(CallKey(tenant, call_id), content, recording, language),
        state=shown,
        attempts=attempts,
        submitted_at=submitted_at,
        next_attempt_at=free_at if state == JobState.WAITING and free_at > now else None,
        ended_at=ended_at if free_at is None else None,
        error_code=error_code,
        error=error,
        hint=hint,
        done_s=done_s,
        total_s=total_s,
    )
