"""A SQLite file of ours: looking at it unharmed, opening it, and what its errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twicetold.errors import CorruptDatabase, DiskFull, TwicetoldError, Unavailable

_BUSY_TIMEOUT_S = 10.0
_CHECKED_IN_FULL_BYTES = 64 * 1024 * 1024
# A checkpoint makes one commit wait for the disk: every 16 MB of log, not every 4.
_CHECKPOINT_PAGES = 4000
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes(4))  # the last: never written
_MOST_RIVALS = 100
_MERGING_PAUSE_S = 0.02
_MEND = (
    "Nothing was changed. Restore the file from a backup; or move it away, together with "
    "those beside it that end in -wal and -shm, to start afresh."
)
_IS_BUSY = "A database of the server is busy."  # what clients are told, who have no use for a path
_FAILS = "A database of the server cannot be used."
_FULL = "The server's disk takes no more data."
_DISK_FULL = (
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",  # EFBIG and EDQUOT arrive as this
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_IOERR_SHMSIZE",
)
_MISTAKES = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
)

Columns = Mapping[str, Mapping[str, str]]  # of each table, what there is of columns: name → type


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Statements for files of before, run where the query ``needed`` finds a row. Asking takes no
    lock: a process starts also while another, which may have been stopped, is writing."""

    needed: str
    statements: tuple[str, ...]


def connect(
    path: Path, pragmas: tuple[str, ...], of_new_file: tuple[str, ...] = ()
) -> sqlite3.Connection:
    """A connection in WAL mode that begins no transactions by itself; any thread may use it.

    ``of_new_file`` are pragmas that change nothing once there is something in the file, and some
    would wait for whoever writes there.
    """
    try:
        db = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        for pragma in (*pragmas, *(() if pages else of_new_file)):
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
            public=_FAILS,
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


def execute_schema(db: sqlite3.Connection, schema: str, path: Path) -> None:
    """Run the statements of a schema, each by itself: one that was interrupted is gone on with."""
    try:
        db.executescript(schema)
    except sqlite3.Error as error:
        raise named(error, path) from error


def add_columns(db: sqlite3.Connection, columns: Columns, path: Path) -> None:
    """Add those that are missing. Processes of before, which leave them out, go on beside this:
    a column must have a default."""
    try:
        for table, wanted in columns.items():
            if wanted.keys() <= _columns(db, table):
                continue
            db.execute("BEGIN IMMEDIATE")  # of two that start together the second finds them there
            for name in wanted.keys() - _columns(db, table):
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {wanted[name]}")
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise named(error, path) from error


def upgrade(db: sqlite3.Connection, upgrades: Sequence[Upgrade], path: Path) -> None:
    """Run those that are needed, each in a transaction."""
    try:
        for each in upgrades:
            if db.execute(each.needed).fetchone() is None:
                continue
            db.execute("BEGIN IMMEDIATE")
            # Again: of two processes that start together the second finds nothing left to do.
            if db.execute(each.needed).fetchone() is not None:
                for statement in each.statements:
                    db.execute(statement)
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise named(error, path) from error


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}


def named(error: BaseException, path: Path) -> BaseException:
    """``translate`` for states of the machine; mistakes of ours stay what they are."""
    if isinstance(error, sqlite3.Error) and not isinstance(error, _MISTAKES):
        return translate(error, path)
    return error


def translate(error: sqlite3.Error, path: Path) -> TwicetoldError:
    """The error tree's name for what SQLite reports."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return CorruptDatabase(f"The database {path} is damaged.", _MEND)
    if name in _DISK_FULL:
        return DiskFull(f"The disk of {path} takes no more data.", public=_FULL)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(
            f"The database {path} is busy.", "Try again in a moment.", busy=True, public=_IS_BUSY
        )
    if name.startswith("SQLITE_IOERR"):
        return Unavailable(f"The disk of {path} fails: {error}.", "Check the disk.", public=_FAILS)
    return Unavailable(
        f"The database {path} answered: {error}.", "See the server's log.", public=_FAILS
    )


def check(path: Path) -> None:
    """Look at a database without changing it. Raises CorruptDatabase.

    Files over 64 MB are looked at only at the surface; damage further in is found, and
    raised, when it is read. What a power cut leaves of the log's end is not damage.
    """
    wal = path.with_name(path.name + "-wal")
    log_bytes, size = _size(wal), _size(path)
    if size == 0 and log_bytes > 0:  # SQLite would throw the log away
        raise CorruptDatabase(f"The database {path} is missing, but {wal.name} is there.", _MEND)
    if size == 0:
        return
    if log_bytes > 0 and not _is_log(wal):  # SQLite would write over it
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_log(wal: Path) -> bool:
    """Also where another process has just emptied or removed it."""
    try:
        with wal.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        return True
    return head in _WAL_MAGIC or not head


def empty_log(path: Path) -> None:
    """Merge the log into the file and truncate it. Raises Unavailable if others never pause."""
    with contextlib.closing(connect(path, ())) as db:
        try:
            emptied = log_emptied(db)
        except sqlite3.Error as error:
            raise translate(error, path) from error
    if not emptied:
        raise Unavailable(
            f"The database {path} is being read.", "Try again in a moment.", public=_IS_BUSY
        )


def log_emptied(db: sqlite3.Connection) -> bool:
    """Merge and truncate the log; False where others were at it for all of the busy timeout.

    SQLite itself waits for readers, but not for another process that merges the log just now.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy or time.monotonic() > deadline:
            return not busy
        time.sleep(_MERGING_PAUSE_S)
