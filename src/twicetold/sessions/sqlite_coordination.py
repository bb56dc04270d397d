"""Who lives, who holds which partition and how far groups are, beside the sessions in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping

from twicetold.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS members (
    group_name TEXT NOT NULL,
    member TEXT NOT NULL,
    lives_until REAL NOT NULL,
    PRIMARY KEY (group_name, member)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holders (
    group_name TEXT NOT NULL,
    partition TEXT NOT NULL,
    member TEXT NOT NULL,
    held_until REAL NOT NULL,
    PRIMARY KEY (group_name, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (
    group_name TEXT NOT NULL,
    partition TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (group_name, partition)
) WITHOUT ROWID;
"""

_LIVE = """INSERT INTO members VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET lives_until = excluded.lives_until"""
_BURY = "DELETE FROM members WHERE group_name = ? AND lives_until <= ?"
_LIVING = "SELECT member FROM members WHERE group_name = ? ORDER BY member"
_HOLD = """INSERT INTO holders VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET member = excluded.member, held_until = excluded.held_until
    WHERE member = excluded.member OR held_until <= ?"""
_YIELD_UP = "DELETE FROM holders WHERE group_name = ? AND member = ? AND partition = ?"
_ADVANCE = """INSERT INTO positions VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET position = max(position, excluded.position)"""


class SqliteCoordination:
    """What a broker without groups of its own keeps here. ``clock`` gives Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    async def beat(
        self, group: str, member: str, ttl_s: float, wanted: Collection[str]
    ) -> tuple[list[str], set[str]]:
        """The member lives, and holds what it wants of what is free, for ``ttl_s`` from now.
        Returns who lives, sorted, and what it holds of ``wanted``."""

        def work(db: sqlite3.Connection) -> tuple[list[str], set[str]]:
            now = self._clock()
            until = now + ttl_s
            db.execute(_LIVE, (group, member, until))
            db.execute(_BURY, (group, now))
            living = [name for (name,) in db.execute(_LIVING, (group,))]
            holds = {
                partition
                for partition in wanted
                if db.execute(_HOLD, (group, partition, member, until, now)).rowcount
            }
            return living, holds

        return await self._database.write(work)

    async def yield_up(self, group: str, member: str, partitions: Collection[str]) -> None:
        """Let go of partitions that the member holds."""
        rows = [(group, member, partition) for partition in partitions]
        await self._database.write(lambda db: db.executemany(_YIELD_UP, rows).rowcount)

    async def leave(self, group: str, member: str) -> None:
        """The member is gone, and holds nothing."""

        def work(db: sqlite3.Connection) -> None:
            for table in ("members", "holders"):
                db.execute(
                    f"DELETE FROM {table} WHERE group_name = ? AND member = ?", (group, member)
                )

        await self._database.write(work)

    async def positions(self, group: str) -> dict[str, int]:
        """Per partition, the position as ``advance`` left it."""
        asked = "SELECT partition, position FROM positions WHERE group_name = ?"
        return await self._database.read(lambda db: dict(db.execute(asked, (group,)).fetchall()))

    async def advance(self, group: str, positions: Mapping[str, int]) -> None:
        """Move positions up; one that is lower than what is stored changes nothing."""
        rows = [(group, partition, position) for partition, position in positions.items()]
        await self._database.write(lambda db: db.executemany(_ADVANCE, rows).rowcount)
