"""Making deleted text unreadable: in the full-text index, on free pages, in the log.

FTS5 only marks deleted entries until the parts of its index are merged, and its own
'secure-delete' needs a newer SQLite than Python 3.11 is built with on many systems. So the
whole index is merged, in short steps between other writers' work (some 50 ms a million words).
A merge of everything puts it on a level of its own above all others, and an older SQLite takes
an index of more than 2000 levels for damaged (fts5_index.c, FTS5_MAX_SEGMENT): before that the
index is made anew, in one step (half a second a million words).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from functools import partial
from pathlib import Path

from twicetold.database import Database, translate
from twicetold.database_file import log_emptied
from twicetold.errors import Unavailable
from twicetold.transcripts.sqlite_schema import PRAGMAS

_PAGES_AT_ONCE = 500
_BUSY_TIMEOUT_S = 10.0
_MOST_LEVELS = 500


class Purge:
    """Purges one database file. Deletions that wait at the same time share a run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = asyncio.Lock()
        self._asked = 0
        self._covered = 0

    async def run(self) -> None:
        """Return once nothing that was deleted before the call can be read in the file.

        Raises Unavailable where another process reads all the while; a later run makes it good.
        """
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._covered >= mine:
                return
            asked = self._asked
            await self._merge_index()
            await asyncio.to_thread(_give_back, self._database.path)
            self._covered = asked

    async def _merge_index(self) -> None:
        """SQLite's "FTS5: the 'merge' command": a negative number begins with all parts."""
        pages = -_PAGES_AT_ONCE
        while await self._database.write(partial(_merge_step, pages=pages)):
            pages = _PAGES_AT_ONCE
        await self._database.write(_flatten)


def _merge_step(db: sqlite3.Connection, pages: int) -> bool:
    """Whether there is more to merge, told as documented: by a change of two rows or more."""
    before = db.total_changes
    db.execute("INSERT INTO segments_fts(segments_fts, rank) VALUES ('merge', ?)", (pages,))
    return db.total_changes - before >= 2


def _flatten(db: sqlite3.Connection) -> None:
    if _levels(db) > _MOST_LEVELS:
        db.execute("INSERT INTO segments_fts(segments_fts) VALUES ('rebuild')")


def _levels(db: sqlite3.Connection) -> int:
    """How many levels the index has: its structure record (fts5_index.c) is a cookie of four
    bytes, four more in newer versions, and that number as a varint."""
    found = db.execute("SELECT block FROM segments_fts_data WHERE id = 10").fetchone()
    if found is None:
        return 0
    record = found[0][4:].removeprefix(b"\xff\x00\x00\x01")
    levels = 0
    for byte in record:
        levels = levels << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return levels


def _give_back(path: Path) -> None:
    """Return free pages to the disk and empty the log.

    On a connection of its own, as neither works inside the transactions that ``Database`` keeps.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        ) as db:
            for pragma in PRAGMAS:
                db.execute(f"PRAGMA {pragma}")
            db.executescript("PRAGMA incremental_vacuum")  # execute() would free a single page
            emptied = log_emptied(db)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    if not emptied:
        raise Unavailable(
            f"The call's rows are deleted, but {path.name} is being read and was not yet cleaned.",
            "Delete the call again in a moment.",
        )
