"""Full-text search over the best version of each call, by FTS5."""

from __future__ import annotations

import re
import sqlite3

from twicetold.errors import BadParameter
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Hit, HitPage, Version
from twicetold.transcripts.cursors import decode_cursor, encode_cursor

_MARKS = ("\ue000", "\ue001")
_SNIPPET_WORDS = 24
_LONGEST_QUERY = 1000
_MOST_TERMS = 64
_TERM = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')
_CURSOR = (float, str, float, int, int)

# CROSS JOIN keeps SQLite to this order: what the index finds, then whose it is.
_FIND = """
SELECT s.id, s.call_id, s.revision, s.number, s.channel, s.start_s, s.end_s, c.started_at
FROM segments_fts
CROSS JOIN segments AS s ON s.id = segments_fts.rowid AND s.tenant = :tenant
CROSS JOIN calls AS c
    ON c.tenant = s.tenant AND c.call_id = s.call_id AND c.canonical_id = s.revision
WHERE segments_fts MATCH :match AND (s.safe OR NOT :safe_only) AND (
    :started_at IS NULL
    OR (c.started_at, c.call_id) < (:started_at, :call_id)
    OR (c.started_at = :started_at AND c.call_id = :call_id
        AND (s.start_s, s.channel, s.number) > (:start_s, :channel, :number))
)
ORDER BY c.started_at DESC, c.call_id DESC, s.start_s, s.channel, s.number
LIMIT :limit
"""


def match_expression(query: str) -> str:
    """What FTS5 is asked for a person's query; empty where that holds no term.

    ``"…"`` is a phrase, a trailing ``*`` a prefix, and all else plain text, so that nothing a
    person types is FTS5 syntax. Raises BadParameter where it is too long.
    """
    if len(query) > _LONGEST_QUERY:
        raise BadParameter(
            f"The search has {len(query)} characters; {_LONGEST_QUERY} are the most.",
            "Search for fewer words.",
        )
    plain = query.replace("\0", " ").encode("utf-8", "replace").decode()
    terms: list[str] = []
    for phrase, phrase_star, word in _TERM.findall(plain):
        text = phrase or word.rstrip("*")
        prefix = "*" if phrase_star or word.endswith("*") else ""
        if any(char.isalnum() for char in text):
            terms.append(f'"{text}"{prefix}')
    if len(terms) > _MOST_TERMS:
        raise BadParameter(
            f"The search has {len(terms)} words; {_MOST_TERMS} are the most.",
            "Search for fewer words.",
        )
    return " ".join(terms)


def find(
    db: sqlite3.Connection,
    tenant: str,
    match: str,
    limit: int,
    cursor: str | None,
    *,
    safe_only: bool = False,
) -> HitPage:
    """One page of a tenant's hits, newest call first, in a call by time."""
    after = decode_cursor(cursor, "search", _CURSOR) if cursor is not None else (None,) * 5
    names = ("started_at", "call_id", "start_s", "channel", "number")
    asked = {"tenant": tenant, "match": match, "limit": limit + 1, "safe_only": safe_only}
    rows = db.execute(_FIND, asked | dict(zip(names, after, strict=True))).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    snippets = _snippets(db, match, [row[0] for row in rows])
    hits = [
        Hit(
            key=CallKey(tenant, row[1]),
            version=Version.CANONICAL if row[2] else Version.DRAFT,
            number=row[3],
            channel=row[4],
            start=row[5],
            end=row[6],
            snippet=snippets[row[0]],
            started_at=row[7],
        )
        for row in rows
    ]
    return HitPage(hits, _cursor_after(hits[-1]) if more else None)


def _cursor_after(hit: Hit) -> str:
    place = (hit.started_at, hit.key.call_id, hit.start, hit.channel, hit.number)
    return encode_cursor("search", place)


def _snippets(db: sqlite3.Connection, match: str, ids: list[int]) -> dict[int, str]:
    """Made for the page alone: a common word has far more hits than a page shows."""
    places = ", ".join("?" * len(ids))
    rows = db.execute(
        f"SELECT rowid, snippet(segments_fts, 0, ?, ?, '…', {_SNIPPET_WORDS})"
        f" FROM segments_fts WHERE segments_fts MATCH ? AND rowid IN ({places})",
        (*_MARKS, match, *ids),
    )
    return dict(rows.fetchall())
