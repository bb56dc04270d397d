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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from twicetold.errors import CorruptDatabase, DiskFull, TwicetoldError, Unavailable

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], T]

_BUSY_TIMEOUT_S = 10.0
_CHECKED_IN_FULL_BYTES = 64 * 1024 * 1024
_LARGEST_BATCH = 512
_SYNC_AFTER_S = 1.0
# A checkpoint makes one commit wait for the disk: every 16 MB of log, not every 4.
_CHECKPOINT_PAGES = 4000
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes(4))  # the last: never written
_MOST_RIVALS = 100
_MEND = (
    "Nothing was changed. Restore the file from a backup; or move it away, together with "
    "those beside it that end in -wal and -shm, to start afresh."
)
_DISK_FULL = (
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",  # EFBIG and EDQUOT arrive as this
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_IOERR_SHMSIZE",
)
# Mistakes of ours in the use of SQLite, not states of the machine: they keep their own type.
_MISTAKES = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
)

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

    def __init__(self, path: Path, schema: str, *, extra_pragmas: tuple[str, ...] = ()) -> None:
        """Open or make the file. Raises CorruptDatabase, having changed nothing.

        ``schema`` is run every time (CREATE … IF NOT EXISTS); ``extra_pragmas`` come
        before it, on both connections, without the word PRAGMA.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        check(path)
        with contextlib.ExitStack() as undo:
            writing = undo.enter_context(contextlib.closing(_connect(path, extra_pragmas)))
            _execute_schema(writing, schema, path)
            reading = undo.enter_context(contextlib.closing(_connect(path, extra_pragmas)))
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
                piece.error = _named(error, self._path)

    def _run_one(self, piece: _Piece) -> None:
        try:
            piece.result = piece.work(self._db)
        except BaseException as error:  # noqa: BLE001 - handed to the caller whole
            piece.error = _named(error, self._path)


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
            piece.error = _named(error, self._path)
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


def _connect(path: Path, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")
        mode = _into_wal_mode(db)
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA foreign_keys=ON")
        db.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    except sqlite3.Error as error:
        db.close()
        raise translate(error, path) from error
    if mode != "wal":
        db.close()
        raise Unavailable(
            f"The file system of {path} cannot share memory between processes.",
            "Put the data directory on a disk of this machine.",
        )
    return db


def _into_wal_mode(db: sqlite3.Connection) -> str:
    """Two processes that make one file at once: the switch itself never waits, so wait for it."""
    for _ in range(_MOST_RIVALS):
        try:
            (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            db.execute("BEGIN IMMEDIATE")  # returns once the other has let go
            db.execute("COMMIT")
        else:
            return str(mode)
    raise sqlite3.OperationalError("the write-ahead log cannot be switched on: database is locked")


def _execute_schema(db: sqlite3.Connection, schema: str, path: Path) -> None:
    try:
        db.executescript(schema)
    except sqlite3.Error as error:
        raise _named(error, path) from error


def _named(error: BaseException, path: Path) -> BaseException:
    if isinstance(error, sqlite3.Error) and not isinstance(error, _MISTAKES):
        return translate(error, path)
    return error


def translate(error: sqlite3.Error, path: Path) -> TwicetoldError:
    """The error tree's name for what SQLite reports."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return CorruptDatabase(f"The database {path} is damaged.", _MEND)
    if name in _DISK_FULL:
        return DiskFull(f"The disk of {path} takes no more data.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(f"The database {path} is busy.", "Try again in a moment.")
    if name.startswith("SQLITE_IOERR"):
        return Unavailable(f"The disk of {path} fails: {error}.", "Check the disk.")
    return Unavailable(f"The database {path} answered: {error}.", "See the server's log.")


def check(path: Path) -> None:
    """Look at a database without changing it. Raises CorruptDatabase.

    Files over 64 MB are looked at only at the surface; damage further in is found, and
    raised, when it is read. What a power cut leaves of the log's end is not damage.
    """
    wal = path.with_name(path.name + "-wal")
    log_bytes = wal.stat().st_size if wal.exists() else 0
    size = path.stat().st_size if path.exists() else 0
    if size == 0 and log_bytes > 0:  # SQLite would throw the log away
        raise CorruptDatabase(f"The database {path} is missing, but {wal.name} is there.", _MEND)
    if size == 0:
        return
    if log_bytes > 0 and _first_bytes(wal) not in _WAL_MAGIC:  # SQLite would write over it
        raise CorruptDatabase(f"The database log {wal} is damaged.", _MEND)
    depth = "quick_check(1)" if size < _CHECKED_IN_FULL_BYTES else "schema_version"
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as db:
            (answer,) = db.execute(f"PRAGMA {depth}").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
            return  # killed while it was made: opening it to write undoes that
        raise translate(error, path) from error
    if depth.startswith("quick") and answer != "ok":
        raise CorruptDatabase(f"The database {path} is damaged.", _MEND)


def _first_bytes(wal: Path) -> bytes:
    with wal.open("rb") as file:
        return file.read(4)
