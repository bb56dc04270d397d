"""Damaged files, full disks and killed processes: nothing is touched, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from twicetold import database_file
from twicetold.database import Database
from twicetold.errors import CorruptDatabase
from twicetold.queue import Job
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions import Record
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.integration

Store = SqliteSessions | SqliteQueue


async def fill(store: Store) -> None:
    """Several dozen pages, so that there is a middle."""
    keys = [CallKey("acme", f"call-{number}") for number in range(400)]
    if isinstance(store, SqliteQueue):
        await asyncio.gather(*(store.submit(Job(key, "c" * 64, "r" * 200)) for key in keys))
        return
    rates = {"rate": 16_000, "channels": 1, "input_rate": 16_000}
    texts = {"language": "en", "encoding": "mulaw", "token_hash": "t" * 300}
    records = [Record(key=key, started_at=1.0, **rates, **texts) for key in keys]  # type: ignore[arg-type]
    await asyncio.gather(*(store.create(record, 10.0) for record in records))


def overwrite(path: Path, offset: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(7).randbytes(count))


def header(path: Path) -> None:
    overwrite(path, 0, 100)


def middle_page(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2 // 4096 * 4096, 4096)


def middle_half(path: Path) -> None:
    pages = path.stat().st_size // 4096
    overwrite(path, pages // 4 * 4096, pages // 2 * 4096)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def contents(folder: Path) -> dict[str, bytes]:
    """All files that hold data; -shm is an index that SQLite makes anew, an empty -wal too."""
    files = [path for path in folder.iterdir() if not path.name.endswith("-shm")]
    return {path.name: path.read_bytes() for path in files if path.stat().st_size}


async def count_rows(path: Path, table: str) -> int:
    db = Database(path, "")
    (found,) = await db.read(lambda c: c.execute(f"SELECT count(*) FROM {table}").fetchone())
    await db.aclose()
    return int(found)


@pytest.mark.parametrize("open_store", [SqliteSessions, SqliteQueue])
@pytest.mark.parametrize("damage", [header, middle_page, cut_off])
async def test_a_damaged_file_is_refused_and_left_as_it_is(
    tmp_path: Path, open_store: Callable[[Path], Store], damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "store.db"
    store = open_store(path)
    await fill(store)
    await store.aclose()
    assert path.stat().st_size > 20 * 4096
    damage(path)
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(CorruptDatabase, match=r"store\.db") as caught:
            open_store(path)
        assert str(path) in caught.value.message
        assert "backup" in caught.value.hint
    assert contents(tmp_path) == before


WRITER = """
import asyncio, os, sys
from pathlib import Path
from twicetold.database import Database

async def main():
    columns = "number INTEGER PRIMARY KEY, text TEXT"
    db = Database(Path(sys.argv[1]), f"CREATE TABLE IF NOT EXISTS notes ({columns});")
    highest = "SELECT coalesce(max(number), 0) FROM notes"
    (first,) = await db.read(lambda c: c.execute(highest).fetchone())
    async def keep_writing(number):
        while True:
            number += 5
            row = (number, "x" * 500)
            await db.write(lambda c: c.execute("INSERT INTO notes VALUES (?, ?)", row).rowcount)
            os.write(1, b"%d\\n" % number)
    await asyncio.gather(*(keep_writing(first + lane) for lane in range(5)))

asyncio.run(main())
"""


def killed_writer(path: Path, lines: int) -> list[int]:
    """The numbers whose write was awaited in a process that was then killed."""
    arguments = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        written = [int(child.stdout.readline()) for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().splitlines(keepends=True)
    return written + [int(line) for line in rest if line.endswith(b"\n")]


def test_what_was_awaited_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    awaited: list[int] = []
    for _ in range(4):
        awaited += killed_writer(path, random.randint(1, 1500))
        assert path.with_name("notes.db-wal").stat().st_size > 0  # it did not close
        with closing(sqlite3.connect(path)) as db:  # also merges the log, as SQLite would
            found = {row[0] for row in db.execute("SELECT number FROM notes")}
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert set(awaited) <= found
        assert len(found) <= len(awaited) + 4 * 5  # and nothing that nobody wrote


def test_the_log_of_a_killed_process_is_read_before_it_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    awaited = killed_writer(path, 50)
    before = contents(tmp_path)
    database_file.check(path)
    assert contents(tmp_path) == before
    assert asyncio.run(count_rows(path, "notes")) >= len(awaited)


def damaged_log(path: Path) -> None:
    overwrite(path.with_name(path.name + "-wal"), 0, 32)


def missing_file(path: Path) -> None:
    path.unlink()


def emptied_file(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [damaged_log, missing_file, emptied_file])
def test_damage_beside_a_log_is_refused_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """SQLite by itself would take the file as new, and throw the log away."""
    path = tmp_path / "notes.db"
    killed_writer(path, 50)
    damage(path)
    before = contents(tmp_path)
    with pytest.raises(CorruptDatabase, match=r"notes\.db"):
        Database(path, "")
    assert contents(tmp_path) == before


async def test_damage_in_a_large_file_is_found_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteQueue(tmp_path / "queue.db")
    await fill(store)
    await store.aclose()
    store_path = tmp_path / "queue.db"
    middle_half(store_path)
    before = contents(tmp_path)
    monkeypatch.setattr(database_file, "_CHECKED_IN_FULL_BYTES", 0)  # every file is a large one
    damaged = SqliteQueue(store_path)
    with pytest.raises(CorruptDatabase, match=r"queue\.db"):
        await damaged.jobs(limit=1000)
    await damaged.aclose()
    assert contents(tmp_path) == before


KILLED_WHILE_MAKING = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size=1")
db.execute("CREATE TABLE t (a)")
db.execute("BEGIN")
for _ in range(100):
    db.execute("INSERT INTO t VALUES (?)", ("x" * 4000,))
os.kill(os.getpid(), 9)
"""


def test_a_file_left_half_made_by_a_kill_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    subprocess.run([sys.executable, "-c", KILLED_WHILE_MAKING, str(path)], check=False)
    assert path.with_name("notes.db-journal").stat().st_size > 0
    assert asyncio.run(count_rows(path, "t")) == 0


FULL_DISK = """
import asyncio, os, resource, sys
from pathlib import Path
from twicetold.errors import DiskFull
from twicetold.sessions import Record
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final

async def main():
    path, key = Path(sys.argv[1]), CallKey("acme", "call-1")
    store = SqliteSessions(path)
    await store.create(Record(key, 16000, 1, "en", "mulaw", 8000, "t", 1.0), 60.0)
    async def add(event):
        final = Final(event, 0, event, 0.0, 1.0, "x" * 3000)
        await store.swap(key, {"event": event - 1}, {"add_final": final})
    used = path.with_name(path.name + "-wal").stat().st_size
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (used + 100_000, unlimited[1]))
    event, refused = 0, 0
    for _ in range(60):
        try:
            await add(event + 1)
        except DiskFull as error:
            assert str(path) in error.message and error.retryable
            refused += 1
        else:
            event += 1
        record = await store.load(key)
        assert [final.event for final in record.finals] == list(range(1, event + 1)), record
        assert record.event == event
    assert event > 5 and refused > 5, (event, refused)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    for _ in range(20):
        event += 1
        await add(event)
    await store.aclose()
    store = SqliteSessions(path)
    record = await store.load(key)
    assert [final.event for final in record.finals] == list(range(1, event + 1))
    await store.aclose()

asyncio.run(main())
"""


def test_a_full_disk_is_told_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    arguments = [sys.executable, "-W", "error", "-c", FULL_DISK, str(tmp_path / "sessions.db")]
    child = subprocess.run(arguments, capture_output=True, text=True, timeout=50, check=False)
    assert child.returncode == 0, child.stderr
