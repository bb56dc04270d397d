"""SQLite for the embedded stores: one writing thread a file, waiting work shares a transaction.

The event loop never waits for the disk, and a busy store commits many callers' work
at once. Each piece of work runs in a savepoint of its own, so one that raises takes
nothing of its neighbours with it. Durable against a killed process at once, against a
power cut within a second (WAL, ``synchronous=NORMAL``, the log synced each second).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twicetold.errors import CorruptDatabase, DiskFull, TwicetoldError, Unavailable

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], T]

_BUSY_TIMEOUT_S = 10.0
_CHECKED_IN_FULL_BYTES = 64 * 1024 * 1024
_LARGEST_BATCH = 512


@dataclass(slots=True)
class _Piece:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Database:
    """One SQLite file. ``write`` and ``read`` run a function of a connection in a thread."""

    def __init__(self, path: Path, schema: str, *, extra_pragmas: tuple[str, ...] = ()) -> None:
        """Open or make the file. Raises CorruptDatabase, having changed nothing."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        _check(path)
        self._pragmas = extra_pragmas
        self._writer = _Thread(self._connect(schema), path, name=f"{path.stem}-write", sync=True)
        self._reader = _Thread(self._connect(None), path, name=f"{path.stem}-read", sync=False)

    def _connect(self, schema: str | None) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            for pragma in self._pragmas:
                db.execute(f"PRAGMA {pragma}")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA foreign_keys=ON")
            if schema is not None:
                db.executescript(schema)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        return db

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction and return what it returns, once that is committed."""
        return await self._writer.run(work)

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on a connection of its own, beside the writer; it must only read."""
        return await self._reader.run(work)

    async def aclose(self) -> None:
        for thread in (self._reader, self._writer):
            await asyncio.get_running_loop().run_in_executor(None, thread.stop)


class _Thread:
    def __init__(self, db: sqlite3.Connection, path: Path, *, name: str, sync: bool) -> None:
        self._db, self._path, self._sync = db, path, sync
        self._queue: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        if self._closed:
            raise Unavailable(f"{self._path.name} is closed.", "The server is stopping.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Piece(work, loop, future))
        return await future

    def stop(self) -> None:
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()

    def _main(self) -> None:
        dirty = False
        while True:
            try:
                first = self._queue.get(timeout=1.0 if dirty else None)
            except queue.Empty:
                self._sync_log()
                dirty = False
                continue
            batch, stopping = self._gather(first)
            if batch:
                self._transact(batch)
                dirty = self._sync
            if stopping:
                break
        if dirty:
            self._sync_log()
        self._db.close()

    def _gather(self, first: _Piece | None) -> tuple[list[_Piece], bool]:
        batch: list[_Piece] = []
        piece = first
        while piece is not None:
            batch.append(piece)
            if len(batch) >= _LARGEST_BATCH:
                return batch, False
            try:
                piece = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _transact(self, batch: list[_Piece]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE" if self._sync else "BEGIN")
            for piece in batch:
                self._run_one(piece)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            for piece in batch:
                piece.error = piece.error or translate(error, self._path)
        _settle(batch)

    def _run_one(self, piece: _Piece) -> None:
        self._db.execute("SAVEPOINT piece")
        try:
            piece.result = piece.work(self._db)
        except Exception as error:  # noqa: BLE001 - handed to the caller whole
            piece.error = translate(error, self._path) if isinstance(error, sqlite3.Error) else error
            self._db.execute("ROLLBACK TO piece")
        self._db.execute("RELEASE piece")

    def _sync_log(self) -> None:
        """Put the write-ahead log on the disk, which ``synchronous=NORMAL`` leaves to chance."""
        try:
            descriptor = os.open(f"{self._path}-wal", os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _settle(batch: list[_Piece]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Piece]] = {}
    for piece in batch:
        by_loop.setdefault(piece.loop, []).append(piece)
    for loop, pieces in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it who waited
            loop.call_soon_threadsafe(_resolve, pieces)


def _resolve(pieces: list[_Piece]) -> None:
    for piece in pieces:
        if piece.future.cancelled():
            continue
        if piece.error is not None:
            piece.future.set_exception(piece.error)
        else:
            piece.future.set_result(piece.result)


def translate(error: sqlite3.Error, path: Path) -> TwicetoldError:
    """The error tree's name for what SQLite reports."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return CorruptDatabase(f"The database {path} is damaged.")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return DiskFull(f"The disk of {path} takes no more data.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(f"The database {path} is busy.", "Try again in a moment.")
    return Unavailable(f"The database {path} answered: {error}.", "See the server's log.")


def _check(path: Path) -> None:
    """Look at an existing file without changing it; large ones are checked at the surface."""
    if not path.exists() or path.stat().st_size == 0:
        return
    depth = "quick_check(1)" if path.stat().st_size < _CHECKED_IN_FULL_BYTES else "schema_version"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            answer = db.execute(f"PRAGMA {depth}").fetchone()
    except sqlite3.DatabaseError as error:
        raise CorruptDatabase(f"The database {path} cannot be read: {error}.") from error
    if depth.startswith("quick") and answer != ("ok",):
        raise CorruptDatabase(f"The database {path} is damaged.")
