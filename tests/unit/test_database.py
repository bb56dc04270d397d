"""The database's threads: batches, errors, rivals, the log's sync, and closing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from twicetold import database as module
from twicetold import database_file
from twicetold.database import Database, Upgrade, translate
from twicetold.errors import CorruptDatabase, DiskFull, TwicetoldError, Unavailable

pytestmark = pytest.mark.unit

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (number INTEGER PRIMARY KEY, text TEXT NOT NULL);"
PATIENCE_S = 10.0


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "notes.db", SCHEMA)
    yield opened
    await opened.aclose()


def note(number: int, text: str = "x") -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO notes VALUES (?, ?)", (number, text))
        return number

    return work


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT number FROM notes ORDER BY number")]


class Gate:
    """Work that holds its thread until it is let go, so that what follows gathers behind it."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, _: sqlite3.Connection) -> None:
        self.entered.set()
        assert self.opened.wait(PATIENCE_S)


async def in_one_batch(
    db: Database, *pieces: Callable[[sqlite3.Connection], object]
) -> list[object]:
    """What each piece gave or raised, all having shared a transaction."""
    gate = Gate()
    holding = asyncio.create_task(db.write(gate))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    waiting = [asyncio.create_task(db.write(piece)) for piece in pieces]
    await asyncio.sleep(0)  # each has queued its piece
    gate.opened.set()
    await holding
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_write_gives_the_result_and_read_sees_it(db: Database) -> None:
    assert await db.write(note(7)) == 7
    assert await db.read(numbers) == [7]


async def test_waiting_work_shares_one_transaction(db: Database) -> None:
    statements: list[str] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(statements.append)

    await db.write(watch)
    statements.clear()
    assert await in_one_batch(db, *(note(number) for number in range(50))) == list(range(50))
    assert statements.count("COMMIT") == 2  # the gate's, and theirs
    assert await db.read(numbers) == list(range(50))


async def test_a_piece_that_raises_takes_nothing_of_its_neighbours(db: Database) -> None:
    def half(connection: sqlite3.Connection) -> None:
        note(100)(connection)
        raise LookupError("mine")

    results = await in_one_batch(db, note(1), half, note(2), note(2), note(3))
    assert results[0] == 1
    assert isinstance(results[1], LookupError)
    assert results[2] == 2
    assert isinstance(results[3], sqlite3.IntegrityError)
    assert results[4] == 3
    assert await db.read(numbers) == [1, 2, 3]


async def test_a_piece_sees_what_came_before_it_in_its_batch(db: Database) -> None:
    assert await in_one_batch(db, note(1), numbers, note(2), numbers) == [1, [1], 2, [1, 2]]


async def test_an_exit_in_a_piece_does_not_end_the_thread(db: Database) -> None:
    def leave(_: sqlite3.Connection) -> None:
        raise SystemExit(3)

    for run in (db.write, db.read):
        with pytest.raises(SystemExit):
            await run(leave)
    await db.write(note(1))
    assert await db.read(numbers) == [1]


async def test_where_sqlite_gives_up_the_transaction_all_are_told(db: Database) -> None:
    def given_up(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite does by itself on some errors
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_WRITE"
        raise error

    results = await in_one_batch(db, note(1), given_up, note(2))
    assert [type(result) for result in results] == [DiskFull] * 3
    assert len({id(result) for result in results}) == 3  # an error each
    assert await db.read(numbers) == []
    await db.write(note(1))
    assert await db.read(numbers) == [1]


async def test_where_the_commit_is_refused_all_are_told(tmp_path: Path) -> None:
    judged_at_commit = "INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED"
    db = Database(
        tmp_path / "notes.db", SCHEMA + f"CREATE TABLE marks (number {judged_at_commit});"
    )

    def dangling(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO marks VALUES (99)")

    def taken(connection: sqlite3.Connection) -> None:
        if 1 in numbers(connection):
            raise LookupError("seen what has not come to be")

    results = await in_one_batch(db, note(1), taken, dangling)
    assert [type(result) for result in results] == [sqlite3.IntegrityError] * 3
    assert await db.read(numbers) == []
    await db.write(taken)
    await db.aclose()


async def test_a_full_file_is_disk_full_and_usable_again(tmp_path: Path) -> None:
    db = Database(tmp_path / "notes.db", SCHEMA, extra_pragmas=("max_page_count=12",))
    await db.write(note(1))
    for run in range(3):
        with pytest.raises(DiskFull, match=r"notes\.db"):
            await db.write(note(2, "x" * 100_000))
        assert await db.write(note(3 + run)) == 3 + run
    results = await in_one_batch(db, note(6), note(7, "x" * 100_000), note(8))
    stored = {result for result in results if isinstance(result, int)}
    assert isinstance(results[1], DiskFull)
    assert set(await db.read(numbers)) == {1, 3, 4, 5} | stored  # told true, each of them
    await db.aclose()


async def test_read_cannot_write(db: Database) -> None:
    with pytest.raises(Unavailable, match="readonly"):
        await db.read(note(1))
    assert await db.read(numbers) == []


async def test_what_is_read_apart_keeps_no_other_reader_waiting(db: Database) -> None:
    await db.write(note(1))
    gate = Gate()

    def slowly(connection: sqlite3.Connection) -> list[int]:
        before = numbers(connection)
        gate(connection)
        assert numbers(connection) == before  # the same state from first to last
        return before

    reading = asyncio.create_task(db.read_apart(slowly))
    async with asyncio.timeout(PATIENCE_S):
        while not gate.entered.is_set():
            await asyncio.sleep(0.001)
        await db.write(note(2))
        assert await db.read(numbers) == [1, 2]
        gate.opened.set()
        assert await reading == [1]
    with pytest.raises(Unavailable):
        await db.read_apart(note(3))
    assert await db.read_apart(numbers) == [1, 2]


async def test_read_keeps_one_state_while_others_write(db: Database) -> None:
    await db.write(note(1))
    gate = Gate()

    def twice(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
        before = numbers(connection)
        gate(connection)
        return before, numbers(connection)

    reading = asyncio.create_task(db.read(twice))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    await db.write(note(2))
    gate.opened.set()
    assert await reading == ([1], [1])
    assert await db.read(numbers) == [1, 2]


async def test_the_event_loop_runs_on_while_work_waits(db: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(db.write(gate))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    assert await db.read(numbers) == []  # nor does the reader wait for the writer
    gate.opened.set()
    await holding


async def test_a_caller_that_is_cancelled_disturbs_nobody(db: Database) -> None:
    gate = Gate()
    holding = asyncio.create_task(db.write(gate))
    await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
    cancelled, kept = (asyncio.create_task(db.write(note(number))) for number in (1, 2))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    gate.opened.set()
    assert await kept == 2
    await holding


def test_loops_in_other_threads_are_served(tmp_path: Path) -> None:
    db = Database(tmp_path / "notes.db", SCHEMA)

    async def write_some(first: int) -> None:
        await asyncio.gather(*(db.write(note(number)) for number in range(first, first + 20)))

    threads = [
        threading.Thread(target=lambda first=first: asyncio.run(write_some(first)))
        for first in (0, 20, 40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(db.read(numbers)) == list(range(60))
    asyncio.run(db.aclose())


def test_a_loop_that_is_gone_does_not_end_the_thread(tmp_path: Path) -> None:
    db = Database(tmp_path / "notes.db", SCHEMA)
    gate = Gate()

    async def leave_behind() -> None:
        task = asyncio.create_task(db.write(gate))
        await asyncio.to_thread(gate.entered.wait, PATIENCE_S)
        task.cancel()

    asyncio.run(leave_behind())
    gate.opened.set()
    assert asyncio.run(db.write(note(1))) == 1
    asyncio.run(db.aclose())


async def test_closing_finishes_the_work_that_waits(tmp_path: Path) -> None:
    db = Database(tmp_path / "notes.db", SCHEMA)
    writing = [asyncio.create_task(db.write(note(number))) for number in range(100)]
    await asyncio.sleep(0)
    await asyncio.gather(db.aclose(), db.aclose())
    assert await asyncio.gather(*writing) == list(range(100))
    for run in (db.write, db.read):
        with pytest.raises(Unavailable, match=r"notes\.db is closed"):
            await run(numbers)
    assert os.listdir(tmp_path) == ["notes.db"]  # noqa: PTH208 - the log is merged
    again = Database(tmp_path / "notes.db", SCHEMA)
    assert await again.read(numbers) == list(range(100))
    await again.aclose()


async def test_work_that_comes_as_it_closes_is_done_or_refused(tmp_path: Path) -> None:
    db = Database(tmp_path / "notes.db", SCHEMA)

    async def keep_writing(first: int) -> int:
        for number in range(first, first + 100_000):
            try:
                await db.write(note(number))
            except Unavailable:
                return number - first
        raise AssertionError("it never closed")

    writing = [asyncio.create_task(keep_writing(first * 100_000)) for first in range(5)]
    await asyncio.sleep(0.02)
    await db.aclose()
    written = await asyncio.wait_for(asyncio.gather(*writing), PATIENCE_S)
    again = Database(tmp_path / "notes.db", SCHEMA)
    assert len(await again.read(numbers)) == sum(written)
    await again.aclose()


async def test_the_log_is_synced_under_steady_load_and_left_alone_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(module, "_SYNC_AFTER_S", 0.05)
    monkeypatch.setattr(os, "fsync", fsync)
    db = Database(tmp_path / "notes.db", SCHEMA)
    for number in range(40):  # never 0.05 s without a write
        await db.write(note(number))
        await asyncio.sleep(0.01)
    assert len(synced) >= 3
    assert set(synced) == {os.stat(tmp_path / "notes.db-wal").st_ino}  # noqa: PTH116
    await asyncio.sleep(0.5)
    before = len(synced)
    await asyncio.sleep(0.2)
    assert len(synced) == before
    await db.aclose()


async def test_a_sync_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    done = threading.Event()

    def fsync(_: int) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.EIO, "the disk fails")
        done.set()

    monkeypatch.setattr(module, "_SYNC_AFTER_S", 0.02)
    monkeypatch.setattr(os, "fsync", fsync)
    db = Database(tmp_path / "notes.db", SCHEMA)
    await db.write(note(1))
    assert await asyncio.to_thread(done.wait, PATIENCE_S)
    assert failed.is_set()
    await db.aclose()


def test_rivals_that_make_one_file_at_once_all_get_it(tmp_path: Path) -> None:
    for run in range(5):
        path = tmp_path / f"{run}" / "notes.db"
        start = threading.Barrier(4)
        outcomes: list[object] = []

        def open_one(path: Path = path, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                outcomes.append(Database(path, SCHEMA))  # noqa: B023 - joined below
            except TwicetoldError as error:
                outcomes.append(error)  # noqa: B023

        rivals = [threading.Thread(target=open_one) for _ in range(4)]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join()
        opened = [one for one in outcomes if isinstance(one, Database)]
        for one in opened:
            asyncio.run(one.aclose())
        assert len(opened) == 4, outcomes


async def test_a_busy_file_is_unavailable_and_free_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "_BUSY_TIMEOUT_S", 0.05)
    db = Database(tmp_path / "notes.db", SCHEMA)
    with contextlib.closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="busy"):
            await db.write(note(1))
        other.execute("COMMIT")
    await db.write(note(1))
    assert await db.read(numbers) == [1]
    await db.aclose()


async def test_emptying_the_log_leaves_nothing_that_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_file, "_BUSY_TIMEOUT_S", 0.05)
    db = Database(tmp_path / "notes.db", SCHEMA, extra_pragmas=("secure_delete=ON",))
    await db.write(note(1, "a secret"))
    await db.write(lambda c: c.execute("DELETE FROM notes").rowcount)
    with contextlib.closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        numbers(other)
        with pytest.raises(Unavailable, match="being read"):
            await db.empty_log()
    await db.empty_log()
    for name in ("notes.db", "notes.db-wal"):
        with open(tmp_path / name, "rb") as file:  # noqa: ASYNC230, PTH123
            assert b"secret" not in file.read()
    await db.write(note(2))
    assert await db.read(numbers) == [2]
    await db.aclose()


async def test_a_constructor_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    threads = threading.active_count()
    for _ in range(3):
        with pytest.raises(Unavailable, match="syntax"):
            Database(tmp_path / "notes.db", "CREATE NONSENSE;")
    assert threading.active_count() == threads
    db = Database(tmp_path / "notes.db", SCHEMA)  # nothing holds a lock
    await db.write(note(1))
    await db.aclose()


async def test_a_file_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.executescript(f"{SCHEMA} BEGIN IMMEDIATE;")
        opening = asyncio.create_task(asyncio.to_thread(Database, path, SCHEMA))
        await asyncio.wait([opening], timeout=0.1)
        assert not opening.done()
        other.execute("COMMIT")
        db = await opening
    await db.write(note(1))
    await db.aclose()


async def test_names_that_look_like_urls_are_files(tmp_path: Path) -> None:
    path = tmp_path / "50% of a?mode=memory#b ü.db"
    for number in (1, 2):
        db = Database(path, SCHEMA)
        await db.write(note(number))
        assert await db.read(numbers) == list(range(1, number + 1))
        await db.aclose()
    os.truncate(path, 4096 + 100)
    with pytest.raises(CorruptDatabase, match="50% of a"):
        Database(path, SCHEMA)


async def test_pragmas_of_a_new_file_come_before_the_schema(tmp_path: Path) -> None:
    for _ in range(2):
        db = Database(tmp_path / "notes.db", SCHEMA, of_new_file=("auto_vacuum=INCREMENTAL",))
        (mode,) = await db.read(lambda c: c.execute("PRAGMA auto_vacuum").fetchone())
        assert mode == 2
        await db.aclose()


async def file_of_before(folder: Path) -> Path:
    path = folder / "notes.db"
    db = Database(path, SCHEMA)
    await db.write(lambda c: c.execute("INSERT INTO notes (text) VALUES ('old')"))
    await db.aclose()
    return path


async def test_an_upgrade_runs_where_it_is_needed_and_whole_or_not_at_all(tmp_path: Path) -> None:
    path = await file_of_before(tmp_path)
    change = ("UPDATE notes SET text = 'new'",)
    broken = Upgrade("SELECT 1 FROM notes WHERE text = 'old'", (*change, "SELECT * FROM nowhere"))
    with pytest.raises(Unavailable, match="no such table: nowhere"):
        Database(path, SCHEMA, upgrades=[broken])
    for upgrade, expected in (
        (Upgrade("SELECT 1 FROM notes WHERE text = 'other'", change), "old"),
        (Upgrade("SELECT 1 FROM notes WHERE text = 'old'", change), "new"),
    ):
        db = Database(path, SCHEMA, upgrades=[upgrade])
        (text,) = await db.read(lambda c: c.execute("SELECT text FROM notes").fetchone())
        assert text == expected
        await db.aclose()


async def test_of_two_that_open_a_file_of_before_one_upgrades_it(tmp_path: Path) -> None:
    path = await file_of_before(tmp_path)
    added = Upgrade(
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM notes WHERE text = 'new')",
        ("INSERT INTO notes (text) VALUES ('new')",),
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as holding:
        holding.execute("BEGIN IMMEDIATE")
        both = [asyncio.to_thread(Database, path, SCHEMA, upgrades=[added]) for _ in range(2)]
        opening = [asyncio.ensure_future(each) for each in both]
        await asyncio.sleep(0.3)  # both have asked, and wait
        holding.execute("COMMIT")
    one, other = await asyncio.gather(*opening)
    (many,) = await one.read(lambda c: c.execute("SELECT count(*) FROM notes").fetchone())
    assert many == 2
    for each in (one, other):
        await each.aclose()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SQLITE_CORRUPT", CorruptDatabase),
        ("SQLITE_CORRUPT_VTAB", CorruptDatabase),
        ("SQLITE_NOTADB", CorruptDatabase),
        ("SQLITE_FULL", DiskFull),
        ("SQLITE_IOERR_WRITE", DiskFull),
        ("SQLITE_IOERR_SHMSIZE", DiskFull),
        ("SQLITE_IOERR_READ", Unavailable),
        ("SQLITE_BUSY", Unavailable),
        ("SQLITE_BUSY_SNAPSHOT", Unavailable),
        ("SQLITE_READONLY", Unavailable),
        ("", Unavailable),
    ],
)
def test_translate_names_the_file(name: str, expected: type[TwicetoldError]) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorname = name
    named = translate(error, Path("/data/notes.db"))
    assert type(named) is expected
    assert "/data/notes.db" in named.message
    assert named.hint
    told = named.to_dict()  # to clients, who have no use for a path
    assert "/" not in f"{told['message']}{told['hint']}"
    assert "SQLite says" not in str(told)


async def test_mistakes_of_ours_keep_their_type(db: Database) -> None:
    with pytest.raises(sqlite3.ProgrammingError):
        await db.write(lambda c: c.execute("INSERT INTO notes VALUES (?, ?)", (1,)).rowcount)
    await db.write(note(1))
    with pytest.raises(sqlite3.IntegrityError):
        await db.write(note(1))


# --- several processes on one file ---------------------------------------------------------


@pytest.mark.parametrize("left", ["emptied", "removed"])
async def test_a_log_that_another_process_empties_meanwhile_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """Between the look at its size and the look at its first bytes."""
    path = tmp_path / "notes.db"
    log = tmp_path / "notes.db-wal"
    await Database(path, SCHEMA).aclose()
    size = database_file._size

    def looked_at(which: Path) -> int:
        if which != log:
            return size(which)
        if left == "emptied":
            log.touch()
        return 4096

    monkeypatch.setattr(database_file, "_size", looked_at)
    database_file.check(path)


class Merging:
    """A connection while other processes merge the log, so often as is said."""

    def __init__(self, times: int) -> None:
        self.times = times

    def execute(self, _: str) -> Merging:
        self.times -= 1
        return self

    def fetchone(self) -> tuple[int, int, int]:
        return (int(self.times >= 0), 0, 0)


def test_a_log_that_another_process_merges_is_emptied_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_file, "_MERGING_PAUSE_S", 0.001)
    assert database_file.log_emptied(Merging(3))  # type: ignore[arg-type]
    monkeypatch.setattr(database_file, "_BUSY_TIMEOUT_S", 0.01)
    assert not database_file.log_emptied(Merging(10_000))  # type: ignore[arg-type]
