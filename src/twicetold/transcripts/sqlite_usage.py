"""Usage in the SQLite transcript store; each function runs in one transaction.

Of a call and pass there is one row for its audio (``attempt`` is "") and one for each attempt's
computing and each part of it (``ATTEMPT/PART``), so that every sum is one over rows. What a deleted
call used is added to ``usage_kept``, which knows the day and no call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from twicetold.speech.identity import CallKey
from twicetold.transcripts.cursors import decode_cursor, encode_cursor
from twicetold.transcripts.prices import Prices
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup, UsageLine, UsagePage

SCHEMA = """
-- Of files that were made before attempts were told apart; moved over, and empty since.
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
    tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    price_in REAL NOT NULL DEFAULT 0,
    price_out REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, call_id, pass, attempt)
) WITHOUT ROWID;
-- With all that sums are made of, so that the rows themselves need not be looked up.
CREATE INDEX IF NOT EXISTS usage_summed ON usage_rows
    (tenant, at, engine, model, device, audio_s, compute_s, cost, tokens_in, tokens_out);
DROP INDEX IF EXISTS usage_by_time;  -- the same, of before tokens were counted

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
    tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, day, pass, engine, model, device)
) WITHOUT ROWID;

INSERT OR IGNORE INTO usage_rows (tenant, call_id, pass, attempt, at,
        engine, model, device, audio_s, compute_s, price, cost)
    SELECT tenant, call_id, pass, '', coalesce(started_at, 0),
        usage.engine, '', '', audio_s, 0, 0, cost
    FROM usage LEFT JOIN calls USING (tenant, call_id);
INSERT OR IGNORE INTO usage_rows (tenant, call_id, pass, attempt, at,
        engine, model, device, audio_s, compute_s, price, cost)
    SELECT tenant, call_id, pass, 'only', coalesce(started_at, 0),
        usage.engine, '', '', 0, compute_s, 0, 0
    FROM usage LEFT JOIN calls USING (tenant, call_id);
DELETE FROM usage;
"""

# Of files that were made before tokens were counted. Prices are those of a million.
_COUNT = "INTEGER NOT NULL DEFAULT 0"
_TOKENS = {"tokens_in": _COUNT, "tokens_out": _COUNT}
_PRICES = {"price_in": "REAL NOT NULL DEFAULT 0", "price_out": "REAL NOT NULL DEFAULT 0"}
LATER = {"usage_rows": {**_TOKENS, **_PRICES}, "usage_kept": _TOKENS}

_ROW = (
    "INSERT INTO usage_rows (tenant, call_id, pass, attempt, at, engine, model, device,"
    " audio_s, compute_s, price, cost, tokens_in, tokens_out, price_in, price_out)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, call_id, pass, attempt) DO UPDATE SET "
)
# The day on which a call was first heard stays; whose work it is, and its price, are the last's.
_AUDIO = (
    _ROW + "at = min(at, excluded.at), engine = excluded.engine, model = excluded.model,"
    " device = excluded.device, price = excluded.price, audio_s = max(audio_s, excluded.audio_s),"
    " cost = max(audio_s, excluded.audio_s) / 60.0 * excluded.price"
)
_COMPUTE = (
    _ROW + "compute_s = max(compute_s, excluded.compute_s),"
    " tokens_in = max(tokens_in, excluded.tokens_in),"
    " tokens_out = max(tokens_out, excluded.tokens_out),"
    " cost = max(compute_s, excluded.compute_s) * price"
    " + (max(tokens_in, excluded.tokens_in) * price_in"
    " + max(tokens_out, excluded.tokens_out) * price_out) / 1000000.0"
)
_DAY = "date(at, 'unixepoch')"
_IS_ATTEMPT = "(attempt <> '' AND instr(attempt, '/') = 0)"
_FIGURES = ("passes", "attempts", "audio_s", "compute_s", "cost", "tokens_in", "tokens_out")
_SUMMED = _FIGURES[2:]  # of every row; the others count some
_OF_ROWS = ", ".join(_SUMMED)
_SUMS = ", ".join(f"sum({name})" for name in _SUMMED)
_KEY = ("tenant", "day", "pass", "engine", "model", "device")
_NAMED = ", ".join(f"sum({name}) AS {name}" for name in _FIGURES)
_COUNTED = ", ".join(f"coalesce(sum({name}), 0)" for name in _FIGURES)
_EACH = (
    f"SELECT tenant, {_DAY} AS day, call_id AS call, pass, engine, model, device,"
    f" attempt = '' AS passes, {_IS_ATTEMPT} AS attempts, {_OF_ROWS} FROM usage_rows"
)
_KEPT = (
    "SELECT tenant, day, '' AS call, pass, engine, model, device, passes, attempts,"
    f" {_OF_ROWS} FROM usage_kept"
)


def record(db: sqlite3.Connection, usage: Usage, prices: Prices) -> None:
    price = prices.of(usage.engine, usage.model, usage.device)
    call, by = (*usage.key, usage.pass_), (usage.at, usage.engine, usage.model, usage.device)
    if usage.audio_s > 0:
        audio = (usage.audio_s, 0.0, price.per_audio_min, price.of_audio(usage.audio_s))
        db.execute(_AUDIO, (*call, "", *by, *audio, 0, 0, 0.0, 0.0))
    tokens = (usage.tokens_in, usage.tokens_out)
    cost = price.of_compute(usage.compute_s) + price.of_tokens(*tokens)
    compute = (0.0, usage.compute_s, price.per_compute_s, cost)
    per_token = (price.per_m_tokens_in, price.per_m_tokens_out)
    db.execute(_COMPUTE, (*call, usage.attempt, *by, *compute, *tokens, *per_token))


def keep_sums(db: sqlite3.Connection, key: CallKey) -> None:
    """Of a call that is deleted: what it used stays, without its name. Once: its rows go."""
    db.execute(
        f"INSERT INTO usage_kept ({', '.join((*_KEY, *_FIGURES))})"
        f" SELECT tenant, {_DAY}, pass, engine, model, device, sum(attempt = ''),"
        f" sum{_IS_ATTEMPT}, {_SUMS} FROM usage_rows WHERE tenant = ? AND call_id = ?"
        f" GROUP BY 1, 2, 3, 4, 5, 6 ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
        + ", ".join(f"{name} = {name} + excluded.{name}" for name in _FIGURES),
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
    rows = (
        f"{_EACH} WHERE {whose}at >= ? AND at < ?"
        f" UNION ALL {_KEPT} WHERE {whose}day >= ? AND day <= ?"
    )
    return rows, [*theirs, first, behind, *theirs, only.first_day, only.last_day]


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
