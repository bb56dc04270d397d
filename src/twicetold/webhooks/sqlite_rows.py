"""The outbox's tables, and what is read of them; each function runs in one transaction.

``due_at`` carries the outbox: the moment at which a delivery may be claimed, which is when its next
attempt is due or when its claim (``token``) runs out; those that are over have none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from twicetold.webhooks import (
    MOST_PENDING,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Event,
)

OF_NEW_FILE, PRAGMAS = ("auto_vacuum=INCREMENTAL",), ("secure_delete=ON",)

SCHEMA = """
CREATE TABLE IF NOT EXISTS endpoints (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    url TEXT NOT NULL,
    types TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'enabled',
    reason TEXT NOT NULL DEFAULT '',
    failing_since REAL,
    dropped INTEGER NOT NULL DEFAULT 0,
    former_secret TEXT NOT NULL DEFAULT '',
    former_until REAL
);
CREATE INDEX IF NOT EXISTS endpoints_of_tenant ON endpoints (tenant, number);

CREATE TABLE IF NOT EXISTS events (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    call_id TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_of_call ON events (tenant, call_id);

CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    begun_at REAL NOT NULL,
    due_at REAL,
    token TEXT,
    ended_at REAL,
    status INTEGER,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (endpoint, event)
);
CREATE INDEX IF NOT EXISTS deliveries_of_tenant ON deliveries (tenant, number);
CREATE INDEX IF NOT EXISTS deliveries_of_event ON deliveries (tenant, event);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (endpoint, due_at)
    WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_claimed ON deliveries (tenant, endpoint)
    WHERE token IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_over ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
"""

LATER = {"endpoints": {"former_secret": "TEXT NOT NULL DEFAULT ''", "former_until": "REAL"}}

_ENDPOINT = (
    "id, tenant, url, types, created_at, secret, state, reason, failing_since, dropped,"
    " former_secret, former_until,"
    " (SELECT count(*) FROM deliveries AS d WHERE d.endpoint = endpoints.id"
    " AND d.due_at IS NOT NULL)"
)
_DELIVERY = (
    "SELECT d.id, d.endpoint, d.state, d.attempts, d.created_at, d.due_at, d.ended_at, d.status,"
    " d.error, e.id, e.tenant, e.type, e.at, e.call_id, e.data, d.begun_at, d.number"
    " FROM deliveries AS d JOIN events AS e ON e.tenant = d.tenant AND e.id = d.event"
)
# Of each endpoint that is not busy, the delivery that has been due longest; of these the first. An
# endpoint is looked at by itself: one with ten thousand that are due costs no more than others.
_NEXT = """
SELECT number FROM (
    SELECT (
        SELECT number FROM deliveries AS d
        WHERE d.endpoint = endpoints.id AND d.due_at <= :now ORDER BY d.due_at LIMIT 1
    ) AS number
    FROM endpoints
    WHERE state = 'enabled'
        AND (
            SELECT count(*) FROM deliveries AS c INDEXED BY deliveries_claimed
            WHERE c.token IS NOT NULL AND c.tenant = endpoints.tenant
                AND c.endpoint = endpoints.id AND c.due_at > :now
        ) < CASE WHEN failing_since IS NULL THEN :of_endpoint ELSE 1 END
        AND (
            SELECT count(*) FROM deliveries AS c INDEXED BY deliveries_claimed
            WHERE c.token IS NOT NULL AND c.tenant = endpoints.tenant AND c.due_at > :now
        ) < :of_tenant
) JOIN deliveries USING (number) ORDER BY due_at, number LIMIT 1
"""
_SOONEST = (
    "SELECT min(due_at) FROM (SELECT (SELECT min(due_at) FROM deliveries AS d"
    " WHERE d.endpoint = endpoints.id AND d.due_at > :now) AS due_at"
    " FROM endpoints WHERE state = 'enabled')"
)


def endpoints(db: sqlite3.Connection, where: str, *values: object) -> list[Endpoint]:
    rows = db.execute(f"SELECT {_ENDPOINT} FROM endpoints WHERE {where}", values)
    return [_endpoint(row) for row in rows]


def deliveries(
    db: sqlite3.Connection, tail: str, values: Sequence[object]
) -> list[tuple[int, Delivery]]:
    """Each with its number, which orders them."""
    return [(row[-1], _delivery(row)) for row in db.execute(f"{_DELIVERY} {tail}", tuple(values))]


def next_due(
    db: sqlite3.Connection, now: float, of_endpoint: int, of_tenant: int
) -> tuple[int | None, float | None]:
    """The number of the delivery whose turn it is; or None and the moment of the next."""
    limits = {"now": now, "of_endpoint": of_endpoint, "of_tenant": of_tenant}
    row = db.execute(_NEXT, limits).fetchone()
    if row is not None:
        return int(row[0]), None
    (soonest,) = db.execute(_SOONEST, {"now": now}).fetchone()
    return None, soonest


def queue_event(db: sqlite3.Connection, event: Event, ids: Sequence[str]) -> list[str]:
    """For all endpoints that want it, by delivery ids of which there are enough. Returns the
    endpoints that could not take it; an event that is there already changes nothing."""
    known = db.execute(
        "SELECT 1 FROM events WHERE tenant = ? AND id = ?", (event.tenant, event.id)
    ).fetchone()
    wanting = [
        each
        for each in endpoints(db, "tenant = ? ORDER BY number", event.tenant)
        if event.type in each.types
    ]
    if known or not wanting:
        return []
    takes = [each.id for each in wanting if _takes(each)]
    dropped = [each.id for each in wanting if not _takes(each)]
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
    row = (event.tenant, event.id, event.type, event.at, event.call_id, data)
    db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row)
    db.executemany(
        "INSERT INTO deliveries (id, tenant, endpoint, event, created_at, begun_at, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (delivery, event.tenant, endpoint, event.id, event.at, event.at, event.at)
            for delivery, endpoint in zip(ids, takes, strict=False)
        ],
    )
    db.executemany(
        "UPDATE endpoints SET dropped = dropped + 1 WHERE id = ?", [(each,) for each in dropped]
    )
    return dropped


def give_up_all(db: sqlite3.Connection, endpoint: str, now: float) -> None:
    """Nothing waits for the endpoint any more."""
    db.execute(
        "UPDATE deliveries SET state = 'failed', due_at = NULL, token = NULL, ended_at = ?,"
        " error = 'the endpoint was disabled' WHERE endpoint = ? AND due_at IS NOT NULL",
        (now, endpoint),
    )


def prune(db: sqlite3.Connection, before: float) -> None:
    db.execute("DELETE FROM deliveries WHERE ended_at < ?", (before,))
    db.execute(
        "DELETE FROM events WHERE at < ? AND NOT EXISTS (SELECT 1 FROM deliveries AS d"
        " WHERE d.tenant = events.tenant AND d.event = events.id)",
        (before,),
    )


def forget_secrets(db: sqlite3.Connection, now: float) -> None:
    """Those that sign no more."""
    db.execute(
        "UPDATE endpoints SET former_secret = '', former_until = NULL WHERE former_until <= ?",
        (now,),
    )


def _takes(endpoint: Endpoint) -> bool:
    return endpoint.state is EndpointState.ENABLED and endpoint.pending < MOST_PENDING


def _endpoint(row: Sequence[Any]) -> Endpoint:
    return Endpoint(
        id=row[0],
        tenant=row[1],
        url=row[2],
        types=tuple(row[3].split(",")),
        created_at=row[4],
        secret=row[5],
        state=EndpointState(row[6]),
        reason=row[7],
        failing_since=row[8],
        dropped=row[9],
        former_secret=row[10],
        former_until=row[11],
        pending=row[12],
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    event = Event(row[9], row[10], row[11], row[12], row[13], json.loads(row[14]))
    return Delivery(
        id=row[0],
        endpoint=row[1],
        event=event,
        state=DeliveryState(row[2]),
        attempts=row[3],
        created_at=row[4],
        next_attempt_at=row[5],
        ended_at=row[6],
        status=row[7],
        error=row[8],
        begun_at=row[15],
    )
