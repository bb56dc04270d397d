"""SQLite for the embedded stores: one writing thread a file, waiting work shares a transaction.

The event loop never waits for the disk, and a busy store commits many callers' work
at once. Each piece of work runs in a savepoint of its own, so one that raises takes
nothing of its neighbours with it; where the disk refuses a transaction, everyone in it
is told so. Durable against a killed process once ``write`` returns, against a power cut
about a second later (WAL, ``synchronous=NORMAL``, the log synced a second after a write).

Work that waits is held here without a bound of its own: each piece has a caller that
awaits it, so there are never more than there are callers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from twicetold.database_file import (
    Columns,
    Upgrade,
    add_columns,
    check,
    connect,
    empty_log,
    execute_schema,
    named,
    translate,
    upgrade,
)
from twicetold.errors import Unavailable

__all__ = ["Database", "Upgrade", "Work", "translate"]

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], T]

_LARGEST_BATCH = 512
_SYNC_AFTER_S = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Piece:
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Database:
    """One SQLite file. ``write`` and ``read`` run a function of a connection in a thread.

    The function returns data, never a cursor, and runs no BEGIN or COMMIT of its own.
    What it raises is raised to the caller; errors of SQLite come as ``translate`` names them.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        later: Columns | None = None,
        *,
        upgrades: Sequence[Upgrade] = (),
        extra_pragmas: tuple[str, ...] = (),
        of_new_file: tuple[str, ...] = (),
    ) -> None:
        """Open or make the file. Raises CorruptDatabase, having changed nothing.

        ``schema`` is run every time (CREATE … IF NOT EXISTS, nothing else: then it waits for
        nobody), ``later`` adds what columns a file lacks that was made before there were these,
        and ``upgrades`` do what else is to be done. Before them come ``extra_pragmas``, on every
        connection, and ``of_new_file``, where it has nothing yet; without the word PRAGMA.
        """
        self.path, self._pragmas, self._apart = path, extra_pragmas, asyncio.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        check(path)
        with contextlib.ExitStack() as undo:
            writing = undo.enter_context(
                contextlib.closing(connect(path, extra_pragmas, of_new_file))
            )
            execute_schema(writing, schema, path)
            add_columns(writing, later or {}, path)
            upgrade(writing, upgrades, path)
            reading = undo.enter_context(contextlib.closing(connect(path, extra_pragmas)))
            reading.execute("PRAGMA query_only=ON")
            undo.pop_all()
        self._syncer = _Syncer(path)
        self._writer = _Writer(writing, path, self._syncer.mark)
        self._reader = _Reader(reading, path)

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction and return what it returns, once that is committed.

        A caller that is cancelled meanwhile does not undo the work. Raises DiskFull,
        Unavailable (busy for 10 s, or closed) or CorruptDatabase, with nothing changed.
        """
        return await self._writer.run(work)

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on a connection of its own, beside the writer; it can only read.

        It sees every write that was awaited before, and the same state from first to last.
        """
        return await self._reader.run(work)

    async def read_apart(self, work: Work[T]) -> T:
        """As ``read``, on a connection that is made for it: work that takes long keeps no other
        waiting but its like, one of which runs at a time."""
        async with self._apart:
            return await asyncio.to_thread(self._read_apart, work)

    def _read_apart(self, work: Work[T]) -> T:
        try:
            with contextlib.closing(connect(self.path, self._pragmas)) as db:
                db.execute("PRAGMA query_only=ON")
                db.execute(_Reader.begin)
                return work(db)
        except sqlite3.Error as error:
            raise named(error, self.path) from error

    async def empty_log(self) -> None:
        """Merge the log into the file and empty it: nothing that was deleted is left in it.

        With ``secure_delete=ON`` among the pragmas it is then gone from the disk. Raises
        Unavailable where another process reads all the while; a later call makes it good.
        """
        await asyncio.to_thread(empty_log, self.path)

    async def aclose(self) -> None:
        """Finish the work that waits, put it on the disk, close. May be called twice."""
        loop = asyncio.get_running_loop()
        for thread in (self._reader, self._writer, self._syncer):
            await loop.run_in_executor(None, thread.stop)


class _Thread:
    """Runs pieces of work on one connection, as many in a transaction as wait."""

    role = "read"
    begin = "BEGIN"

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db, self._path = db, path
        self._queue: queue.SimpleQueue[_Piece | None] = queue.SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()  # nothing enters the queue after its end mark
        self._thread = threading.Thread(
            target=self._main, name=f"{path.stem}-{self.role}", daemon=True
        )
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._closing:
            if self._closed:
                raise Unavailable(f"{self._path.name} is closed.", "The server is stopping.")
            self._queue.put(_Piece(work, loop, future))
        return await future

    def stop(self) -> None:
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _main(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._gather(self._queue.get())
            if batch:
                self._transact(batch)
                _settle(batch)
        with contextlib.suppress(sqlite3.Error):  # a failing last checkpoint; the log is kept
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
        """All of the batch, or nothing: then each of its callers gets the error.

        A piece that failed by itself gets it too, for what it saw of its neighbours' work
        has not come to be.
        """
        try:
            self._db.execute(self.begin)
            for piece in batch:
                self._run_one(piece)
            self._db.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - handed to the callers; the thread lives on
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            for piece in batch:
                piece.error = named(error, self._path)

    def _run_one(self, piece: _Piece) -> None:
        try:
            piece.result = piece.work(self._db)
        except BaseException as error:  # noqa: BLE001 - handed to the caller whole
            piece.error = named(error, self._path)


class _Reader(_Thread):
    pass


class _Writer(_Thread):
    role = "write"
    # IMMEDIATE: wait for another process now, not lose to it at the first change.
    begin = "BEGIN IMMEDIATE"

    def __init__(self, db: sqlite3.Connection, path: Path, committed: Callable[[], None]) -> None:
        self._committed = committed
        super().__init__(db, path)

    def _transact(self, batch: list[_Piece]) -> None:
        super()._transact(batch)
        self._committed()

    def _run_one(self, piece: _Piece) -> None:
        self._db.execute("SAVEPOINT piece")
        try:
            piece.result = piece.work(self._db)
        except BaseException as error:
            if not self._db.in_transaction:  # SQLite itself gave the whole transaction up
                raise
            piece.error = named(error, self._path)
            self._db.execute("ROLLBACK TO piece")
        self._db.execute("RELEASE piece")


class _Syncer:
    """Puts the write-ahead log on the disk, which ``synchronous=NORMAL`` leaves to chance.

    In a thread of its own: a slow disk delays no commit.
    """

    def __init__(self, path: Path) -> None:
        self._log_path = path.with_name(path.name + "-wal")
        self._dirty, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"{path.stem}-sync", daemon=True)
        self._thread.start()

    def mark(self) -> None:
        """Something was written."""
        if not self._dirty.is_set():
            self._dirty.set()

    def stop(self) -> None:
        self._stopping.set()
        self._dirty.set()
        self._thread.join()

    def _main(self) -> None:
        stopping = False
        while not stopping:
            self._dirty.wait()
            stopping = self._stopping.wait(_SYNC_AFTER_S)
            self._dirty.clear()
            try:
                self._sync()
            except OSError:
                log.exception("database.sync_failed", file=str(self._log_path))
                self._dirty.set()

    def _sync(self) -> None:
        try:
            descriptor = os.open(self._log_path, os.O_RDONLY)
        except FileNotFoundError:  # the last one to close the database has merged it
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
        if piece.future.done():  # cancelled
            continue
        if piece.error is not None:
            piece.future.set_exception(piece.error)
        else:
            piece.future.set_result(piece.result)
