"""Usage in the SQLite transcript store; each function runs in one transaction.

Of a call and pass there is one row for its audio (``attempt`` is "") and one for each attempt's
computing and each part of it (``ATTEMPT/PART``), so that every sum is one over rows. What a deleted
call used is added to ``usage_kept``, which knows the day and no call. What language models read and
wrote for it stands beside these, in ``usage_tokens`` and ``usage_tokens_kept``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from twicetold.database import Upgrade
from twicetold.speech.identity import CallKey
from twicetold.transcripts.cursors import decode_cursor, encode_cursor
from twicetold.transcripts.prices import Prices
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup, UsageLine, UsagePage

SCHEMA = """
-- Of files that were made before attempts were told apart; empty since, by ``MOVED``.
CREATE TABLE IF NOT EXISTS usage (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    pass TEXT NOT NULL,
    engine TEXT NOT NULL,
    audio_s REAL NOT NULL,
    compute_s REAL NOT NULL,
    cost REAL NOT NULL,
    PRIMARY KEY (tenant, call_id, pass)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS usage_rows (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    pass TEXT NOT NULL,
    attempt TEXT NOT NULL,
    at REAL NOT NULL,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    audio_s REAL NOT NULL,
    compute_s REAL NOT NULL,
    price REAL NOT NULL,
    cost REAL NOT NULL,
    PRIMARY KEY (tenant, call_id, pass, attempt)
) WITHOUT ROWID;
-- With all that sums over them are made of, so that the rows themselves need not be looked up.
CREATE INDEX IF NOT EXISTS usage_by_time
    ON usage_rows (tenant, at, engine, model, device, audio_s, compute_s, cost);

CREATE TABLE IF NOT EXISTS usage_kept (
    tenant TEXT NOT NULL,
    day TEXT NOT NULL,
    pass TEXT NOT NULL,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    passes INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    audio_s REAL NOT NULL,
    compute_s REAL NOT NULL,
    cost REAL NOT NULL,
    PRIMARY KEY (tenant, day, pass, engine, model, device)
) WITHOUT ROWID;

-- Tokens of language models have tables of their own: processes of before there were these insert
-- into those above without naming columns, and go on beside this.
CREATE TABLE IF NOT EXISTS usage_tokens (
    tenant TEXT NOT NULL,
    call_id TEXT NOT NULL,
    pass TEXT NOT NULL,
    attempt TEXT NOT NULL,
    at REAL NOT NULL,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    price_in REAL NOT NULL,  -- of a million
    price_out REAL NOT NULL,
    cost REAL NOT NULL,
    PRIMARY KEY (tenant, call_id, pass, attempt)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS usage_tokens_by_time
    ON usage_tokens (tenant, at, engine, model, device, cost, tokens_in, tokens_out);

CREATE TABLE IF NOT EXISTS usage_tokens_kept (
    tenant TEXT NOT NULL,
    day TEXT NOT NULL,
    pass TEXT NOT NULL,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    cost REAL NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, pass, engine, model, device)
) WITHOUT ROWID;

-- In the file, so that a call's name goes from here also where a process of before deletes it.
CREATE TRIGGER IF NOT EXISTS usage_tokens_go AFTER DELETE ON usage_rows BEGIN
    INSERT INTO usage_tokens_kept
            (tenant, day, pass, engine, model, device, cost, tokens_in, tokens_out)
        SELECT tenant, date(at, 'unixepoch'), pass, engine, model, device,
            cost, tokens_in, tokens_out
        FROM usage_tokens WHERE tenant = OLD.tenant AND call_id = OLD.call_id
            AND pass = OLD.pass AND attempt = OLD.attempt
        ON CONFLICT (tenant, day, pass, engine, model, device) DO UPDATE SET
            cost = cost + excluded.cost, tokens_in = tokens_in + excluded.tokens_in,
            tokens_out = tokens_out + excluded.tokens_out;
    DELETE FROM usage_tokens WHERE tenant = OLD.tenant AND call_id = OLD.call_id
        AND pass = OLD.pass AND attempt = OLD.attempt;
END;
"""

# The usage of before, one row a pass, to where each attempt has its own.
MOVED = Upgrade(
    "SELECT 1 FROM usage LIMIT 1",
    (
        """
        INSERT OR IGNORE INTO usage_rows (tenant, call_id, pass, attempt, at,
                engine, model, device, audio_s, compute_s, price, cost)
            SELECT tenant, call_id, pass, '', coalesce(started_at, 0),
                usage.engine, '', '', audio_s, 0, 0, cost
            FROM usage LEFT JOIN calls USING (tenant, call_id)
        """,
        """
        INSERT OR IGNORE INTO usage_rows (tenant, call_id, pass, attempt, at,
                engine, model, device, audio_s, compute_s, price, cost)
            SELECT tenant, call_id, pass, 'only', coalesce(started_at, 0),
                usage.engine, '', '', 0, compute_s, 0, 0
            FROM usage LEFT JOIN calls USING (tenant, call_id)
        """,
        "DELETE FROM usage",
    ),
)

_CALL = "tenant, call_id, pass, attempt, at, engine, model, device"
_CALL_VALUES = ":tenant, :call_id, :pass, :attempt, :at, :engine, :model, :device"
_ON_CONFLICT = " ON CONFLICT (tenant, call_id, pass, attempt) DO UPDATE SET "
_ROW = (
    f"INSERT INTO usage_rows ({_CALL}, audio_s, compute_s, price, cost)"
    f" VALUES ({_CALL_VALUES}, :audio_s, :compute_s, :price, :cost)" + _ON_CONFLICT
)
# The day on which a call was first heard stays; whose work it is, and its price, are the last's.
_AUDIO = (
    _ROW + "at = min(at, excluded.at), engine = excluded.engine, model = excluded.model,"
    " device = excluded.device, price = excluded.price, audio_s = max(audio_s, excluded.audio_s),"
    " cost = max(audio_s, excluded.audio_s) / 60.0 * excluded.price"
)
_COMPUTE = (
    _ROW + "compute_s = max(compute_s, excluded.compute_s),"
    " cost = max(compute_s, excluded.compute_s) * price"
)
_TOKENS = (
    f"INSERT INTO usage_tokens ({_CALL}, tokens_in, tokens_out, price_in, price_out, cost)"
    f" VALUES ({_CALL_VALUES}, :tokens_in, :tokens_out, :price_in, :price_out, :cost)"
    + _ON_CONFLICT
    + "tokens_in = max(tokens_in, excluded.tokens_in),"
    " tokens_out = max(tokens_out, excluded.tokens_out),"
    " cost = (max(tokens_in, excluded.tokens_in) * price_in"
    " + max(tokens_out, excluded.tokens_out) * price_out) / 1000000.0"
)
_DAY = "date(at, 'unixepoch')"
_IS_ATTEMPT = "(attempt <> '' AND instr(attempt, '/') = 0)"
_SUMS = "sum(audio_s), sum(compute_s), sum(cost)"
_FIGURES = ("passes", "attempts", "audio_s", "compute_s", "cost", "tokens_in", "tokens_out")
_NAMED = ", ".join(f"sum({name}) AS {name}" for name in _FIGURES)
_COUNTED = ", ".join(f"coalesce(sum({name}), 0)" for name in _FIGURES)
_EACH = f"SELECT tenant, {_DAY} AS day, call_id AS call, pass, engine, model, device,"
_EACH_KEPT = "SELECT tenant, day, '' AS call, pass, engine, model, device,"
_USED = (
    f"{_EACH} attempt = '' AS passes, {_IS_ATTEMPT} AS attempts, audio_s, compute_s, cost,"
    " 0 AS tokens_in, 0 AS tokens_out FROM usage_rows"
)
_ASKED = f"{_EACH} 0, 0, 0.0, 0.0, cost, tokens_in, tokens_out FROM usage_tokens"
_USED_KEPT = f"{_EACH_KEPT} passes, attempts, audio_s, compute_s, cost, 0, 0 FROM usage_kept"
_ASKED_KEPT = f"{_EACH_KEPT} 0, 0, 0.0, 0.0, cost, tokens_in, tokens_out FROM usage_tokens_kept"


def record(db: sqlite3.Connection, usage: Usage, prices: Prices) -> None:
    price = prices.of(usage.engine, usage.model, usage.device)
    tenant, call_id = usage.key
    of = {
        "tenant": tenant,
        "call_id": call_id,
        "pass": usage.pass_,
        "attempt": usage.attempt,
        "at": usage.at,
        "engine": usage.engine,
        "model": usage.model,
        "device": usage.device,
    }
    if usage.audio_s > 0:
        heard = {"attempt": "", "audio_s": usage.audio_s, "compute_s": 0.0}
        paid = {"price": price.per_audio_min, "cost": price.of_audio(usage.audio_s)}
        db.execute(_AUDIO, of | heard | paid)
    computed = {"audio_s": 0.0, "compute_s": usage.compute_s}
    paid = {"price": price.per_compute_s, "cost": price.of_compute(usage.compute_s)}
    db.execute(_COMPUTE, of | computed | paid)
    if usage.tokens_in or usage.tokens_out:
        asked = {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out}
        paid = {"price_in": price.per_m_tokens_in, "price_out": price.per_m_tokens_out}
        paid["cost"] = price.of_tokens(usage.tokens_in, usage.tokens_out)
        db.execute(_TOKENS, of | asked | paid)


def tokens(db: sqlite3.Connection, key: CallKey, attempts: str) -> int:
    """Read and written, by attempts whose names begin so."""
    (found,) = db.execute(
        "SELECT coalesce(sum(tokens_in + tokens_out), 0) FROM usage_tokens"
        " WHERE tenant = ? AND call_id = ? AND substr(attempt, 1, ?) = ?",
        (*key, len(attempts), attempts),
    ).fetchone()
    return int(found)


def keep_sums(db: sqlite3.Connection, key: CallKey) -> None:
    """Of a call that is deleted: what it used stays, without its name. Once: its rows go, and
    those of its tokens with them."""
    db.execute(
        "INSERT INTO usage_kept (tenant, day, pass, engine, model, device,"
        " passes, attempts, audio_s, compute_s, cost)"
        f" SELECT tenant, {_DAY}, pass, engine, model, device, sum(attempt = ''),"
        f" sum{_IS_ATTEMPT}, {_SUMS} FROM usage_rows WHERE tenant = ? AND call_id = ?"
        " GROUP BY 1, 2, 3, 4, 5, 6"
        " ON CONFLICT (tenant, day, pass, engine, model, device) DO UPDATE SET"
        " passes = passes + excluded.passes, attempts = attempts + excluded.attempts,"
        " audio_s = audio_s + excluded.audio_s, compute_s = compute_s + excluded.compute_s,"
        " cost = cost + excluded.cost",
        key,
    )
    db.execute("DELETE FROM usage_rows WHERE tenant = ? AND call_id = ?", key)


def sums(
    db: sqlite3.Connection,
    only: UsageFilter,
    group: Sequence[UsageGroup],
    limit: int,
    cursor: str | None,
) -> UsagePage:
    """Raises BadParameter for a cursor of another list."""
    rows, asked = _rows(only)
    if not group:
        [total] = _lines(db.execute(f"SELECT {_COUNTED} FROM ({rows})", asked), ())
        used = total.attempts or total.compute_s or total.tokens_in or total.tokens_out
        return UsagePage([total] if used else [], total)
    columns, kind, width = ", ".join(group), f"usage {'+'.join(group)}", len(group)
    after, place = "", []
    if cursor is not None:
        after = f"WHERE ({columns}) > ({', '.join('?' * width)})"
        place = list(decode_cursor(cursor, kind, (str,) * width))
    # In one go over the rows, which may be many: the sum of all, and then the page's lines.
    told = db.execute(
        f"WITH line AS MATERIALIZED (SELECT {columns}, {_NAMED} FROM ({rows}) GROUP BY {columns})"
        f" SELECT {', '.join('NULL' for _ in group)}, {_COUNTED} FROM line"
        f" UNION ALL SELECT * FROM (SELECT * FROM line {after} ORDER BY {columns} LIMIT ?)",
        [*asked, *place, limit + 1],
    ).fetchall()
    [total] = _lines([told[0][width:]], ())
    found = _lines(told[1:], group)
    if len(found) <= limit:
        return UsagePage(found, total)
    last = [found[limit - 1].group[each] for each in group]
    return UsagePage(found[:limit], total, encode_cursor(kind, last))


def _rows(only: UsageFilter) -> tuple[str, list[object]]:
    first, behind = _moment(only.first_day), _moment(only.last_day, days=1)
    theirs: list[object] = [] if only.tenant is None else [only.tenant]
    whose = "tenant = ? AND " if theirs else ""
    since = f"WHERE {whose}at >= ? AND at < ?"
    days = f"WHERE {whose}day >= ? AND day <= ?"
    rows = (
        f"{_USED} {since} UNION ALL {_ASKED} {since}"
        f" UNION ALL {_USED_KEPT} {days} UNION ALL {_ASKED_KEPT} {days}"
    )
    moments, named = [*theirs, first, behind], [*theirs, only.first_day, only.last_day]
    return rows, [*moments, *moments, *named, *named]


def _moment(day: str, days: int = 0) -> float:
    """Unix seconds of the day's beginning, or of one so many days later."""
    try:
        then = date.fromisoformat(day) + timedelta(days=days)
    except OverflowError:
        then = date.max
    return datetime(then.year, then.month, then.day, tzinfo=UTC).timestamp()


def _lines(rows: Iterable[Sequence[Any]], group: Sequence[UsageGroup]) -> list[UsageLine]:
    width = len(group)
    return [UsageLine(dict(zip(group, row[:width], strict=True)), *row[width:]) for row in rows]
