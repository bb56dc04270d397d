"""The job queue in one SQLite file: a claim takes the oldest job whose moment (``free_at``) has
come and sets it one lease further.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twicetold.database import Database, Work
from twicetold.errors import JobNotFound, LeaseLost, TwicetoldError
from twicetold.queue import Job, JobState, JobStatus, Tally
from twicetold.queue.sqlite_rows import IN_STATE, JOB, LATER, SCHEMA, statuses, tally
from twicetold.speech.identity import CallKey

T = TypeVar("T")

# Nothing tells one process what another submits, nor that the clock was set or the machine
# slept: a waiting claimant looks again at least this often.
_LONGEST_WAIT_S = 5.0

_HELD = "job_id = :job_id AND state = 'leased' AND token = :token AND free_at > :now"
_OF_THE_CALL = "tenant = ? AND call_id = ?"


class SqliteQueue:
    """Jobs in the file at ``path``; several processes may share it."""

    def __init__(
        self, path: Path, *, lease_s: float = 60.0, clock: Callable[[], float] = time.time
    ) -> None:
        """Open or make the file. ``clock`` gives Unix seconds. Raises CorruptDatabase."""
        self._database = Database(path, SCHEMA, LATER)
        self._lease_s = lease_s
        self._clock = clock
        self._turn = asyncio.Lock()  # claimants wait in line: its first one is served first
        self._changed = asyncio.Event()

    async def submit(self, job: Job) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            now = self._clock()
            row = (job.job_id, *job.key, job.content, job.recording, job.language, now, now)
            inserted = db.execute(
                f"INSERT INTO jobs (job_id, {JOB}, state, submitted_at, free_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?, ?) ON CONFLICT (job_id) DO NOTHING",
                row,
            )
            return inserted.rowcount == 1

        return await self._change(work)

    async def claim(self) -> SqliteLease:
        """Claimants of one process are served in the order in which they came."""
        async with self._turn:
            while True:
                self._changed.clear()
                lease, wait_s = await self._take_or_undo()
                if lease is not None:
                    return lease
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()

    async def jobs(
        self, tenant: str | None = None, state: JobState | None = None, limit: int = 100
    ) -> list[JobStatus]:
        conditions = ["tenant = :tenant"] if tenant is not None else []
        if state is not None:
            conditions.append(IN_STATE[state])
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return await self._statuses(
            f"{where} ORDER BY number DESC LIMIT :limit", {"tenant": tenant, "limit": limit}
        )

    async def job_of(self, key: CallKey) -> JobStatus | None:
        found = await self._statuses(
            "WHERE tenant = :tenant AND call_id = :call_id ORDER BY number DESC LIMIT 1",
            key._asdict(),
        )
        return found[0] if found else None

    async def tally(self) -> Tally:
        return await self._database.read(lambda db: tally(db, self._clock()))

    async def again(self, key: CallKey) -> None:
        await self._once_more(key, ("done", "failed"))

    async def retry_failed(self, key: CallKey) -> None:
        await self._once_more(key, ("failed",))

    async def _once_more(self, key: CallKey, states: tuple[str, ...]) -> None:
        these = ", ".join(f"'{state}'" for state in states)
        newest = f"SELECT max(number) FROM jobs WHERE {_OF_THE_CALL} AND state IN ({these})"

        def work(db: sqlite3.Connection) -> None:
            freed = db.execute(
                "UPDATE jobs SET state = 'waiting', attempts = 0, generation = generation + 1,"
                " free_at = ?, error_code = NULL, error = NULL, hint = NULL"
                f" WHERE number = ({newest})",
                (self._clock(), *key),
            )
            if not freed.rowcount:
                ended = " or ".join(states)
                raise JobNotFound(f"The call {key} has no job that is {ended}.")

        await self._change(work)

    async def forget(self, key: CallKey) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(f"DELETE FROM jobs WHERE {_OF_THE_CALL}", key)

        await self._change(work)

    async def free_leases(self) -> int:
        """Free every leased job at once, its attempt not counted; returns how many there were.

        Only for whoever holds the data directory alone and has claimed nothing yet: the workers
        that held those leases are dead, and their jobs need not wait for the leases to run out.
        A lease that is freed under a living worker is lost to it.
        """

        def work(db: sqlite3.Connection) -> int:
            freed = db.execute(
                "UPDATE jobs SET state = 'waiting', free_at = ?, token = NULL,"
                " attempts = max(attempts - 1, 0) WHERE state = 'leased'",
                (self._clock(),),
            )
            return freed.rowcount

        return await self._change(work)

    async def aclose(self) -> None:
        """Waiting claimants get Unavailable."""
        await self._database.aclose()
        self._changed.set()

    async def _change(self, work: Work[T]) -> T:
        """Write, and let the claimant at the head of the line look again."""
        try:
            return await self._database.write(work)
        finally:
            self._changed.set()

    async def _take_or_undo(self) -> tuple[SqliteLease | None, float]:
        """A claimant that is cancelled while its claim is written leaves no job leased."""
        taking = asyncio.ensure_future(self._database.write(self._take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with contextlib.suppress(TwicetoldError):  # it stays leased, until that runs out
                lease, _ = await taking
                if lease is not None:
                    await lease.give_back()
            raise

    def _take(self, db: sqlite3.Connection) -> tuple[SqliteLease | None, float]:
        """The oldest free job, leased; or None and the seconds until one may come free."""
        now = self._clock()
        row = db.execute(
            f"SELECT number, attempts, generation, {JOB} FROM jobs INDEXED BY jobs_in_order"
            " WHERE free_at IS NOT NULL AND free_at <= ? ORDER BY number LIMIT 1",
            (now,),
        ).fetchone()
        if row is None:
            (soonest,) = db.execute(
                "SELECT min(free_at) FROM jobs WHERE free_at IS NOT NULL"
            ).fetchone()
            wait_s = _LONGEST_WAIT_S if soonest is None else max(soonest - now, 0.0)
            return None, min(wait_s, _LONGEST_WAIT_S)
        number, attempts, generation, tenant, call_id, content, recording, language = row
        token = secrets.token_hex(16)
        db.execute(
            "UPDATE jobs SET state = 'leased', attempts = attempts + 1, token = ?, free_at = ?"
            " WHERE number = ?",
            (token, now + self._lease_s, number),
        )
        job = Job(CallKey(tenant, call_id), content, recording, language)
        return SqliteLease(job, attempts + 1, generation, token, self._change_held), 0.0

    async def _change_held(self, lease: SqliteLease, changes: str, **values: object) -> None:
        """Change the row of a job whose lease still runs. Raises LeaseLost."""

        def work(db: sqlite3.Connection) -> None:
            now = self._clock()
            held = {"job_id": lease.job.job_id, "token": lease.token, "now": now}
            moments = {"lease_until": now + self._lease_s}
            changed = db.execute(
                f"UPDATE jobs SET {changes} WHERE {_HELD}", {**values, **held, **moments}
            )
            if not changed.rowcount:
                raise LeaseLost(f"The job of {lease.job.key} has gone to another worker.")

        await self._change(work)

    async def _statuses(self, tail: str, values: dict[str, Any]) -> list[JobStatus]:
        def work(db: sqlite3.Connection) -> list[JobStatus]:
            return statuses(db, tail, values, self._clock())

        return await self._database.read(work)


@dataclass(frozen=True, slots=True)
class SqliteLease:
    """One claim of a job; the token tells it from the claims before and after."""

    job: Job
    attempt: int
    generation: int
    token: str
    _change_held: Callable[..., Any]

    async def extend(self, done_s: float = 0.0, total_s: float = 0.0) -> None:
        noted = ", done_s = :done_s, total_s = :total_s" if done_s or total_s else ""
        await self._change_held(
            self, "free_at = :lease_until" + noted, done_s=done_s, total_s=total_s
        )

    async def complete(self) -> None:
        await self._change_held(
            self,
            "state = 'done', free_at = NULL, token = NULL, ended_at = :now,"
            " done_s = max(done_s, total_s), error_code = NULL, error = NULL, hint = NULL",
        )

    async def retry(self, delay_s: float, code: str, error: str, hint: str = "") -> None:
        await self._change_held(
            self,
            "state = 'waiting', free_at = :now + :delay_s, token = NULL,"
            " error_code = :code, error = :error, hint = :hint",
            delay_s=delay_s,
            code=code,
            error=error,
            hint=hint,
        )

    async def fail(self, code: str, error: str, hint: str = "") -> None:
        await self._change_held(
            self,
            "state = 'failed', free_at = NULL, token = NULL, ended_at = :now,"
            " error_code = :code, error = :error, hint = :hint",
            code=code,
            error=error,
            hint=hint,
        )

    async def give_back(self) -> None:
        await self._change_held(
            self, "state = 'waiting', free_at = :now, token = NULL, attempts = attempts - 1"
        )
