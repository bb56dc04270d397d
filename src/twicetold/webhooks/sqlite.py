"""The outbox in one SQLite file: a claim takes the delivery that has been due longest, of all
endpoints that have none or few on their way, and sets it one lease further.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from twicetold.database import Database, Work
from twicetold.errors import BadParameter, Conflict, TwicetoldError, WebhookNotFound
from twicetold.speech.identity import CallKey
from twicetold.transcripts.cursors import decode_cursor, encode_cursor
from twicetold.webhooks import (
    LARGEST_BODY_BYTES,
    MOST_ENDPOINTS,
    Delivery,
    DeliveryPage,
    DeliveryState,
    Endpoint,
    Event,
)
from twicetold.webhooks import sqlite_rows as rows
from twicetold.webhooks.signing import new_secret

T = TypeVar("T")

log = structlog.get_logger()

_LEASE_S = 30.0  # three times as long as a request may take
_OF_ENDPOINT, _OF_TENANT = 2, 8  # claimed at once
_LONGEST_WAIT_S = 1.0  # nothing tells what another process emits
_KEPT_S = 30 * 86_400.0


class SqliteOutbox:
    """Events in the file at ``path``, which only its owner may read: secrets are in it. Several
    processes may share it."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Open or make the file. ``clock`` gives Unix seconds. Raises CorruptDatabase."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # SQLite gives its log the file's own mode
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._database = Database(
            path,
            rows.SCHEMA,
            rows.LATER,
            extra_pragmas=rows.PRAGMAS,
            of_new_file=rows.OF_NEW_FILE,
        )
        self._clock = clock
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    # --- endpoints --------------------------------------------------------------

    async def add(self, tenant: str, url: str, types: Sequence[str]) -> Endpoint:
        made = Endpoint(
            f"wh_{secrets.token_hex(6)}", tenant, url, tuple(types), self._clock(), new_secret()
        )

        def work(db: sqlite3.Connection) -> Endpoint:
            if len(rows.endpoints(db, "tenant = ?", tenant)) >= MOST_ENDPOINTS:
                raise Conflict(
                    f"Tenant {tenant} has {MOST_ENDPOINTS} endpoints, and may not have more.",
                    "Remove one: twicetold webhooks remove",
                )
            db.execute(
                "INSERT INTO endpoints (id, tenant, url, types, secret, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (made.id, tenant, url, ",".join(types), made.secret, made.created_at),
            )
            return made

        return await self._change(work)

    async def endpoints(self, tenant: str | None = None) -> list[Endpoint]:
        where = "1 ORDER BY tenant, number" if tenant is None else "tenant = ? ORDER BY number"
        values = () if tenant is None else (tenant,)
        return await self._database.read(lambda db: rows.endpoints(db, where, *values))

    async def rotate(self, tenant: str, endpoint: str, keep_s: float) -> Endpoint:
        secret, until = new_secret(), self._clock() + keep_s

        def work(db: sqlite3.Connection) -> Endpoint:
            db.execute(
                "UPDATE endpoints SET former_secret = secret, former_until = ?, secret = ?"
                " WHERE tenant = ? AND id = ?",
                (until, secret, tenant, endpoint),
            )
            rows.forget_secrets(db, self._clock())
            found = rows.endpoints(db, "tenant = ? AND id = ?", tenant, endpoint)
            if not found:
                raise _unknown(endpoint)
            return found[0]

        return await self._change(work)

    async def remove(self, tenant: str, endpoint: str) -> None:
        def work(db: sqlite3.Connection) -> None:
            gone = db.execute(
                "DELETE FROM endpoints WHERE tenant = ? AND id = ?", (tenant, endpoint)
            )
            if not gone.rowcount:
                raise _unknown(endpoint)
            db.execute("DELETE FROM deliveries WHERE endpoint = ?", (endpoint,))

        await self._change(work)

    # --- events -----------------------------------------------------------------

    async def emit(
        self, tenant: str, type: str, call_id: str, data: Mapping[str, Any], event_id: str
    ) -> None:
        event = Event(event_id, tenant, type, self._clock(), call_id, data)
        if len(event.to_bytes()) > LARGEST_BODY_BYTES:
            raise BadParameter(f"An event of type {type} is larger than 64 KiB.")
        ids = [f"del_{secrets.token_hex(8)}" for _ in range(MOST_ENDPOINTS)]
        dropped = await self._change(partial(rows.queue_event, event=event, ids=ids))
        for endpoint in dropped:
            log.warning("webhook_dropped", endpoint=endpoint, tenant=tenant, event_type=type)

    async def forget(self, key: CallKey) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "DELETE FROM deliveries WHERE tenant = ? AND event IN"
                " (SELECT id FROM events WHERE tenant = ? AND call_id = ?)",
                (key.tenant, *key),
            )
            db.execute("DELETE FROM events WHERE tenant = ? AND call_id = ?", key)

        await self._change(work)

    async def prune(self) -> None:
        def work(db: sqlite3.Connection) -> None:
            rows.prune(db, self._clock() - _KEPT_S)
            rows.forget_secrets(db, self._clock())

        await self._database.write(work)

    # --- deliveries -------------------------------------------------------------

    async def claim(self) -> SqliteDue:
        async with self._turn:
            while True:
                self._changed.clear()
                due, wait_s = await self._take_or_undo()
                if due is not None:
                    return due
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()

    async def deliveries(
        self,
        tenant: str | None = None,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> DeliveryPage:
        if limit < 1:
            raise BadParameter(f"limit got {limit}; it takes 1 or more.")
        before = decode_cursor(cursor, "deliveries", (int,))[0] if cursor is not None else None
        asked: list[tuple[str, object]] = [
            ("d.tenant = ?", tenant),
            ("d.endpoint = ?", endpoint),
            ("d.state = ?", state),
            ("d.number < ?", before),
        ]
        wanted = [(condition, value) for condition, value in asked if value is not None]
        where = f"WHERE {' AND '.join(condition for condition, _ in wanted)}" if wanted else ""
        tail = f"{where} ORDER BY d.number DESC LIMIT ?"
        values = [*(value for _, value in wanted), limit + 1]
        found = await self._database.read(lambda db: rows.deliveries(db, tail, values))
        page = [delivery for _, delivery in found[:limit]]
        if len(found) <= limit:
            return DeliveryPage(page, None)
        return DeliveryPage(page, encode_cursor("deliveries", (found[limit - 1][0],)))

    async def retry(self, tenant: str, name: str) -> int:
        def work(db: sqlite3.Connection) -> int:
            enabled = db.execute(
                "UPDATE endpoints SET state = 'enabled', reason = '', failing_since = NULL"
                " WHERE tenant = ? AND (id = ? OR id = (SELECT endpoint FROM deliveries"
                " WHERE tenant = ? AND id = ? AND state <> 'delivered'))",
                (tenant, name, tenant, name),
            )
            if not enabled.rowcount:
                raise _unknown(name)
            now = self._clock()
            freed = db.execute(
                "UPDATE deliveries SET state = 'pending', attempts = 0, begun_at = ?, due_at = ?,"
                " ended_at = NULL WHERE tenant = ? AND state = 'failed'"
                " AND (endpoint = ? OR id = ?)",
                (now, now, tenant, name, name),
            )
            waiting = db.execute(
                "UPDATE deliveries SET due_at = ? WHERE tenant = ? AND state = 'pending'"
                " AND token IS NULL AND due_at > ? AND (endpoint = ? OR id = ?)",
                (now, tenant, now, name, name),
            )
            return freed.rowcount + waiting.rowcount

        return await self._change(work)

    async def disable(self, tenant: str, reason: str) -> int:
        def work(db: sqlite3.Connection) -> int:
            now, theirs = self._clock(), rows.endpoints(db, "tenant = ?", tenant)
            for each in theirs:
                db.execute(
                    "UPDATE endpoints SET state = 'disabled', reason = ? WHERE id = ?",
                    (reason, each.id),
                )
                rows.give_up_all(db, each.id, now)
            return len(theirs)

        return await self._change(work)

    async def free_claims(self) -> int:
        """Free what is claimed at once, as that attempt had not been; returns how many there were.

        Only for whoever holds the data directory alone: those who claimed it are dead.
        """

        def work(db: sqlite3.Connection) -> int:
            freed = db.execute(
                "UPDATE deliveries SET due_at = ?, token = NULL, attempts = max(attempts - 1, 0)"
                " WHERE token IS NOT NULL",
                (self._clock(),),
            )
            return freed.rowcount

        return await self._change(work)

    async def aclose(self) -> None:
        """A waiting claimant gets Unavailable."""
        await self._database.aclose()
        self._changed.set()

    async def _change(self, work: Work[T]) -> T:
        """Write, and let the claimant look again."""
        try:
            return await self._database.write(work)
        finally:
            self._changed.set()

    async def _take_or_undo(self) -> tuple[SqliteDue | None, float]:
        """A claimant that is cancelled while its claim is written leaves nothing claimed."""
        taking = asyncio.ensure_future(self._database.write(self._take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with contextlib.suppress(TwicetoldError):  # it stays claimed, until that runs out
                due, _ = await taking
                if due is not None:
                    await due.give_back()
            raise

    def _take(self, db: sqlite3.Connection) -> tuple[SqliteDue | None, float]:
        now = self._clock()
        number, soonest = rows.next_due(db, now, _OF_ENDPOINT, _OF_TENANT)
        if number is None:
            wait_s = _LONGEST_WAIT_S if soonest is None else max(0.0, soonest - now)
            return None, min(wait_s, _LONGEST_WAIT_S)
        token = secrets.token_hex(16)
        db.execute(
            "UPDATE deliveries SET token = ?, due_at = ?, attempts = attempts + 1 WHERE number = ?",
            (token, now + _LEASE_S, number),
        )
        [(_, delivery)] = rows.deliveries(db, "WHERE d.number = ?", (number,))
        [endpoint] = rows.endpoints(db, "id = ?", delivery.endpoint)
        return SqliteDue(delivery, endpoint, token, self._end), 0.0

    async def _end(
        self, due: SqliteDue, changes: str, endpoint: str, *, disable: str = "", **values: object
    ) -> None:
        """Change a delivery that is still ours, and then its endpoint."""

        def work(db: sqlite3.Connection) -> None:
            now = self._clock()
            named = {**values, "id": due.delivery.id, "token": due.token, "now": now}
            changed = db.execute(
                f"UPDATE deliveries SET token = NULL, {changes} WHERE id = :id AND token = :token",
                named,
            )
            if changed.rowcount and endpoint:
                of = {"id": due.endpoint.id, "now": now, "reason": disable}
                db.execute(f"UPDATE endpoints SET {endpoint} WHERE id = :id", of)
                if disable:
                    rows.give_up_all(db, due.endpoint.id, now)

        await self._change(work)


@dataclass(frozen=True, slots=True)
class SqliteDue:
    """One claim of a delivery; the token tells it from the claims before and after."""

    delivery: Delivery
    endpoint: Endpoint
    token: str
    _end: Callable[..., Any]

    async def delivered(self, status: int) -> None:
        await self._end(
            self,
            "state = 'delivered', due_at = NULL, ended_at = :now, status = :status, error = ''",
            "failing_since = NULL",
            status=status,
        )

    async def failed(
        self, error: str, status: int | None, again_at: float | None, disable: str = ""
    ) -> None:
        over = "state = 'failed', due_at = NULL, ended_at = :now"
        endpoint = "failing_since = coalesce(failing_since, :now)"
        await self._end(
            self,
            f"{over if again_at is None else 'due_at = :again_at'}, status = :status,"
            " error = :error",
            f"{endpoint}, state = 'disabled', reason = :reason" if disable else endpoint,
            disable=disable,
            error=error,
            status=status,
            again_at=again_at,
        )

    async def give_back(self) -> None:
        await self._end(self, "due_at = :now, attempts = attempts - 1", "")


def _unknown(name: str) -> WebhookNotFound:
    shown = json.dumps(name[:40])
    return WebhookNotFound(f"There is no endpoint, and no delivery that failed or waits, {shown}.")
