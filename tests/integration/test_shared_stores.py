"""Several processes on the same SQLite stores: some write, some delete, some come and go."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.processes import process

from twicetold import database_file
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.identity import CallKey
from twicetold.transcripts import NewCall
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.transcripts.usage import UsageFilter, UsageGroup
from twicetold.webhooks.sqlite import SqliteOutbox

pytestmark = pytest.mark.integration

_WHO = """
    import asyncio, json, os, sys, time
    from pathlib import Path
    from twicetold.sessions import Record
    from twicetold.sessions.sqlite import SqliteSessions
    from twicetold.speech.identity import CallKey
    from twicetold.speech.transcript import Final, Word
    from twicetold.transcripts import NewCall
    from twicetold.transcripts.sqlite import SqliteTranscripts

    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])

    def opened():
        return SqliteSessions(folder / "sessions.sqlite3"), SqliteTranscripts(folder / "t.sqlite3")

    async def speak(sessions, transcripts, key):
        record = Record(key, 16_000, 1, "en", "mulaw", 8_000, "hash", 1.0)
        await sessions.create(record, 10.0)
        for number in range(1, 6):
            await sessions.swap(key, {"epoch": 1, "next_seq": number - 1}, {"next_seq": number})
        await transcripts.begin_call(NewCall(key, 1.0, 1, "live", "en", 16_000))
        words = (Word(0.0, 1.0, "confidential"),)
        await transcripts.save_draft(key, [Final(1, 0, 0, 0.0, 1.0, "confidential", words)])

    async def main(rounds=0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rounds += 1
            await once(CallKey("acme", f"{os.getpid()}-{rounds}"))
        print(json.dumps(rounds), flush=True)
"""
_WRITER = """
    stores = opened()
    async def once(key):
        await speak(*stores, key)
    asyncio.run(main())
"""
_DELETER = """
    stores = opened()
    async def once(key):
        await speak(*stores, key)
        await stores[1].bury(key)
        await stores[0].remove(key)
    asyncio.run(main())
"""
_GUEST = """
    async def once(key):
        for store in await asyncio.to_thread(opened):
            await store.aclose()
    asyncio.run(main())
"""


@pytest.mark.slow
async def test_nobody_takes_anothers_work_for_damage(tmp_path: Path) -> None:
    programs = [_WRITER, _WRITER, _DELETER, _DELETER, _GUEST]
    with ExitStack() as stack:
        running = [
            stack.enter_context(process(_WHO + program, tmp_path, 1.5)) for program in programs
        ]
        said = await asyncio.gather(*(asyncio.to_thread(each.communicate) for each in running))
    errors = [stderr for _, stderr in said if stderr]
    assert not errors, errors[0]
    rounds = [json.loads(stdout) for stdout, _ in said]
    assert min(rounds) >= 1  # the slowest counts all segments each time
    with closing(sqlite3.connect(tmp_path / "t.sqlite3")) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        db.execute("INSERT INTO segments_fts(segments_fts) VALUES ('integrity-check')")
        kept = db.execute("SELECT count(*) FROM segments").fetchone()
    assert kept == (rounds[0] + rounds[1],)


@pytest.mark.parametrize("store", [SqliteQueue, SqliteSessions, SqliteTranscripts, SqliteOutbox])
async def test_a_store_opens_while_a_stopped_process_holds_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Callable[[Path], Any]
) -> None:
    path = tmp_path / "store.sqlite3"
    await store(path).aclose()
    monkeypatch.setattr(database_file, "_BUSY_TIMEOUT_S", 0.0)  # whoever waits fails
    with closing(sqlite3.connect(path, isolation_level=None)) as stopped:
        stopped.execute("BEGIN IMMEDIATE")
        opened = store(path)
        await opened.aclose()


async def test_a_transcript_is_read_while_a_stopped_process_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key = tmp_path / "t.sqlite3", CallKey("acme", "c1")
    transcripts = SqliteTranscripts(path)
    await transcripts.begin_call(NewCall(key, 1.0, 1, "live", "en", 16_000))
    monkeypatch.setattr(database_file, "_BUSY_TIMEOUT_S", 0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as stopped:
        stopped.execute("BEGIN IMMEDIATE")
        call = await transcripts.call(key)
        usage = await transcripts.usage(UsageFilter(tenant="acme"), (UsageGroup.ENGINE,))
    assert call is not None
    assert not usage.lines
    await transcripts.aclose()
