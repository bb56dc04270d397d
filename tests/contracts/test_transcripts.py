"""The transcript store's contract over every adapter, and what only SQLite has to show."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import string
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MethodType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.transcripts_contract import (
    KEY,
    PRICES,
    REVISION,
    TranscriptsContract,
    a_shadow,
    final,
    new_call,
    read,
    seen,
    segment,
    stream,
    texts,
)

from twicetold.errors import CorruptDatabase
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment
from twicetold.transcripts import Version, sqlite_purge, sqlite_usage
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.transcripts.sqlite_schema import SCHEMA
from twicetold.transcripts.usage import Usage, UsageFilter, UsageGroup

pytestmark = pytest.mark.contracts


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteTranscripts]:
    made = SqliteTranscripts(tmp_path / "transcripts.db", prices=PRICES)
    yield made
    await made.aclose()


class TestSqlite(TranscriptsContract):
    """On a file of its own."""


def raw(path: Path) -> bytes:
    files = (path, path.with_name(path.name + "-wal"))
    return b"".join(file.read_bytes() for file in files if file.exists())


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def rare(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=16))


async def test_what_was_saved_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    first = SqliteTranscripts(path)
    await first.begin_call(new_call())
    await first.save_draft(KEY, [final(1, "hello")])
    await first.bury(CallKey("acme", "gone"))
    await first.aclose()
    again = SqliteTranscripts(path)
    assert await again.draft_finals(KEY) == [final(1, "hello")]
    assert await again.buried(CallKey("acme", "gone"))
    await again.aclose()


@pytest.mark.parametrize("pages_at_once", [1, 500])
async def test_bury_leaves_no_byte_of_the_text_in_the_files(
    store: SqliteTranscripts, tmp_path: Path, pages_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls among others, the index merged in many steps and in few."""
    monkeypatch.setattr(sqlite_purge, "_PAGES_AT_ONCE", pages_at_once)
    path, rng = tmp_path / "transcripts.db", random.Random(11)
    secrets: dict[CallKey, list[str]] = {}
    for number in range(30):
        key = CallKey("acme", f"call-{number}")
        secrets[key] = [rare(rng) for _ in range(20)]
        drafted, spoken = secrets[key][:10], secrets[key][10:]
        await store.begin_call(new_call(key))
        await store.save_draft(
            key, [final(event, f"common words {word}") for event, word in enumerate(drafted, 1)]
        )
        await store.save_canonical(
            key, REVISION, stream([segment(n, f"more of {word}") for n, word in enumerate(spoken)])
        )
    kept = CallKey("acme", "call-29")
    assert all(word.encode() in raw(path) for word in secrets[kept])
    for key in list(secrets)[:-1:3]:
        await store.bury(key)
        bytes_left = raw(path)
        for word in secrets[key]:
            assert word.encode() not in bytes_left
            assert word[:10].encode() not in bytes_left, "the index keeps prefixes of terms"
    assert all(word.encode() in raw(path) for word in secrets[kept])
    assert len((await store.search("acme", secrets[kept][-1])).hits) == 1


async def test_bury_leaves_nothing_of_replaced_texts_either(
    store: SqliteTranscripts, tmp_path: Path
) -> None:
    await store.begin_call(new_call())
    await store.save_draft(KEY, [final(1, "xylophonequartet")])
    await store.save_draft(KEY, [final(1, "zitherensemble")])
    await store.save_canonical(KEY, REVISION, stream([segment(1, "harpsichordtrio")]))
    await store.save_canonical(KEY, REVISION, stream([segment(1, "glockenspielduo")]))
    await store.save_shadow(KEY, a_shadow(), stream([segment(1, "bassoonsextet")]))
    await store.save_shadow(KEY, a_shadow(), stream([segment(1, "contrabassclarinet")]))
    await store.bury(KEY)
    left = raw(tmp_path / "transcripts.db")
    words = (b"xylophone", b"zither", b"harpsichord", b"glockenspiel", b"bassoon", b"contrabass")
    for word in words:
        assert word not in left


async def test_nothing_is_left_of_words_that_redacted_ones_replace(
    store: SqliteTranscripts, tmp_path: Path
) -> None:
    await store.begin_call(new_call())
    words = [segment(n, f"zebra{n} quagga") for n in range(500)]
    await store.save_canonical(KEY, REVISION, stream(words))
    assert b"quagga" in raw(tmp_path / "transcripts.db")
    safe = [replace(segment(n, "[NAME]"), safe=True) for n in range(500)]
    await store.save_canonical(KEY, replace(REVISION, name="r2"), stream(safe))
    left = raw(tmp_path / "transcripts.db")
    assert b"quagga" not in left
    assert b"zebra" not in left


async def test_bury_gives_pages_back(store: SqliteTranscripts, tmp_path: Path) -> None:
    path, rng = tmp_path / "transcripts.db", random.Random(5)
    await store.begin_call(new_call(CallKey("acme", "small")))
    await store.bury(CallKey("acme", "nobody"))
    before = path.stat().st_size
    await store.begin_call(new_call())
    many = [final(event, " ".join(rare(rng) for _ in range(20))) for event in range(1, 1001)]
    await store.save_draft(KEY, many)
    await store.bury(KEY)
    assert path.stat().st_size <= before + 64 * 1024
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,)


async def test_burials_at_once_share_their_cleaning(
    store: SqliteTranscripts, tmp_path: Path
) -> None:
    keys = [CallKey("acme", f"call-{number}") for number in range(20)]
    for number, key in enumerate(keys):
        await store.begin_call(new_call(key))
        await store.save_draft(key, [final(1, f"uncommonword{number}x")])
    runs = 0
    merge = store._purge._merge_index

    async def counted(self: object) -> None:
        nonlocal runs
        runs += 1
        await merge()

    store._purge._merge_index = MethodType(counted, store._purge)  # type: ignore[method-assign]
    await asyncio.gather(*(store.bury(key) for key in keys))
    assert b"uncommonword" not in raw(tmp_path / "transcripts.db")
    assert 1 <= runs <= 3


@pytest.mark.slow
async def test_deletions_without_number_leave_the_index_whole(
    store: SqliteTranscripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each puts the parts of an index of several pages on a level above all others, of which
    there may be 2000."""
    monkeypatch.setattr(sqlite_purge, "_MOST_LEVELS", 20)
    many = " ".join(f"word{number}" for number in range(1_000))
    deepest = 0
    for number in range(60):
        kept, gone = CallKey("acme", f"kept-{number}"), CallKey("acme", f"gone-{number}")
        for key in (kept, gone):
            await store.begin_call(new_call(key))
            await store.save_draft(key, [final(1, f"{key.call_id} said {many}")])
        await store.bury(gone)
        deepest = max(deepest, await store._db.read(sqlite_purge._levels))
    assert 10 < deepest <= 30
    assert len((await store.search("acme", "said", limit=100)).hits) == 60


async def test_the_text_is_not_stored_twice(store: SqliteTranscripts, tmp_path: Path) -> None:
    await store.begin_call(new_call())
    await store.save_canonical(
        KEY, REVISION, stream([Segment(1, 0, 0.0, 1.0, "Unmistakable wording, Ångström's!")])
    )
    await store.bury(CallKey("acme", "nobody"))  # empties the log into the file
    assert raw(tmp_path / "transcripts.db").count("wording, Ångström's!".encode()) == 1


async def test_the_index_agrees_with_the_segments_after_all_of_it(
    store: SqliteTranscripts, tmp_path: Path
) -> None:
    rng = random.Random(2)
    for number in range(6):
        key = CallKey("acme", f"call-{number}")
        await store.begin_call(new_call(key))
        for _ in range(3):
            events = [final(event, rare(rng)) for event in range(1, 30)]
            await store.save_draft(key, events)
            await store.save_canonical(
                key, REVISION, stream([segment(n, rare(rng)) for n in range(450)])
            )
        if number % 2:
            await store.bury(key)
    with closing(sqlite3.connect(tmp_path / "transcripts.db", isolation_level=None)) as db:
        db.execute("INSERT INTO segments_fts(segments_fts, rank) VALUES ('integrity-check', 1)")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM segments").fetchone() == (3 * (29 + 450),)
        assert db.execute("SELECT count(*) FROM revisions").fetchone() == (3,)


async def test_what_a_killed_process_left_is_removed_by_the_next_attempt(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    program = """
import asyncio, os, sys
from pathlib import Path
from tests.contracts.transcripts_contract import KEY, REVISION, new_call, segment, stream
from twicetold.transcripts.sqlite import SqliteTranscripts

async def dying():
    for number in range(1, 700):
        yield segment(number, "unfinished")
    os._exit(9)

async def main():
    store = SqliteTranscripts(Path(sys.argv[1]))
    await store.begin_call(new_call())
    await store.save_canonical(KEY, REVISION, stream([segment(1, "before")]))
    await store.save_canonical(KEY, REVISION, dying())

asyncio.run(main())
"""
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, str(path)],
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == 9
    assert count(path, "segments") == 1 + 600, "three batches were half of a revision"
    store = SqliteTranscripts(path)
    assert await texts(store, KEY, Version.CANONICAL) == ["before"]
    assert (await store.search("acme", "unfinished")).hits == []
    await store.save_canonical(KEY, REVISION, stream([segment(1, "after")]))
    assert await texts(store, KEY, Version.CANONICAL) == ["after"]
    assert (count(path, "segments"), count(path, "revisions")) == (1, 1)
    await store.aclose()


async def test_a_failed_attempt_leaves_no_rows(store: SqliteTranscripts, tmp_path: Path) -> None:
    await store.begin_call(new_call())

    async def breaking() -> AsyncIterator[Segment]:
        for number in range(450):
            yield segment(number, "broken")
        raise RuntimeError("the engine died")

    with pytest.raises(RuntimeError):
        await store.save_canonical(KEY, REVISION, breaking())
    path = tmp_path / "transcripts.db"
    assert (count(path, "segments"), count(path, "revisions")) == (0, 0)


async def test_two_processes_may_share_the_file(store: SqliteTranscripts, tmp_path: Path) -> None:
    """Here two connections: one writes and buries while the other reads."""
    other = SqliteTranscripts(tmp_path / "transcripts.db")
    await store.begin_call(new_call())
    await store.save_draft(KEY, [final(1, "seen from over there")])
    assert await texts(other, KEY, Version.DRAFT) == ["seen from over there"]
    await other.bury(KEY)
    assert await read(store, KEY, Version.DRAFT) == []
    await other.aclose()


def test_a_damaged_file_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    damaged = b"SQLite format 3\0" + bytes(range(256)) * 64
    path.write_bytes(damaged)
    with pytest.raises(CorruptDatabase, match=r"transcripts\.db"):
        SqliteTranscripts(path)
    assert path.read_bytes() == damaged


async def test_a_file_of_before_outcomes_were_kept_has_none_and_takes_some(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    first = SqliteTranscripts(path)
    await first.begin_call(new_call())
    await first.aclose()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE calls DROP COLUMN outcomes")
    again = SqliteTranscripts(path)
    assert (await seen(again)).outcomes == {}
    await again.set_outcomes(KEY, {"next_step": "demo"})
    assert (await seen(again)).outcomes == {"next_step": "demo"}
    await again.aclose()


async def test_the_index_is_told_to_merge_levels_of_two_also_in_a_file_of_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "transcripts.db"
    for _ in range(3):
        await SqliteTranscripts(path).aclose()
        with closing(sqlite3.connect(path)) as db, db:
            told = db.execute("SELECT v FROM segments_fts_config WHERE k = 'usermerge'").fetchall()
            assert told == [(2,)]
            db.execute("DELETE FROM segments_fts_config WHERE k = 'usermerge'")


# --- usage ----------------------------------------------------------------------------------


async def test_rows_of_before_there_were_attempts_are_counted_on(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    first = SqliteTranscripts(path)
    await first.begin_call(new_call())
    await first.aclose()
    with closing(sqlite3.connect(path)) as db, db:
        row = ("acme", "call-1", "batch", "careful", 60.0, 4.0, 0.5)
        db.execute("INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for _ in range(2):
        again = SqliteTranscripts(path)
        total = (await again.usage(UsageFilter("acme"), [])).total
        assert (total.passes, total.audio_s, total.compute_s, total.cost) == (1, 60.0, 4.0, 0.5)
        await again.aclose()


# What processes of before tokens were counted say to these tables: at their start, of what a call
# used, and when it is deleted.
_BEFORE_OPENS = """
CREATE INDEX IF NOT EXISTS usage_by_time
    ON usage_rows (tenant, at, engine, model, device, audio_s, compute_s, cost);
INSERT OR IGNORE INTO usage_rows
    SELECT tenant, call_id, pass, '', coalesce(started_at, 0),
        usage.engine, '', '', audio_s, 0, 0, cost
    FROM usage LEFT JOIN calls USING (tenant, call_id);
DELETE FROM usage;
"""
_BEFORE_RECORDS = (
    "INSERT INTO usage_rows (tenant, call_id, pass, attempt, at, engine, model, device,"
    " audio_s, compute_s, price, cost) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_BEFORE_KEEPS = (
    "INSERT INTO usage_kept"
    " SELECT tenant, date(at, 'unixepoch'), pass, engine, model, device, sum(attempt = ''),"
    " sum(attempt <> '' AND instr(attempt, '/') = 0), sum(audio_s), sum(compute_s), sum(cost)"
    " FROM usage_rows WHERE tenant = ? AND call_id = ? GROUP BY 1, 2, 3, 4, 5, 6"
    " ON CONFLICT (tenant, day, pass, engine, model, device) DO UPDATE SET"
    " passes = passes + excluded.passes, attempts = attempts + excluded.attempts,"
    " audio_s = audio_s + excluded.audio_s, compute_s = compute_s + excluded.compute_s,"
    " cost = cost + excluded.cost"
)


async def test_processes_of_before_tokens_were_counted_go_on_beside_this(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    store = SqliteTranscripts(path, prices=PRICES)
    used = Usage(KEY, "batch", "careful", 60.0, 4.0)
    asked = replace(used.part("llm"), engine="llm", model="small", tokens_in=1000, tokens_out=100)
    await store.record_usage(used, asked)
    before = await store.usage(UsageFilter("acme"), [UsageGroup.ENGINE])
    with closing(sqlite3.connect(path)) as db:
        db.executescript(_BEFORE_OPENS)
        row = ("acme", "call-2", "batch", "1", 0.0, "careful", "", "", 0.0, 8.0, 0.0, 0.0)
        with db:
            db.execute(_BEFORE_RECORDS, row)
    # Deleted there; its name is gone, and what it used is in the sums.
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(_BEFORE_KEEPS, KEY)
        db.execute("DELETE FROM usage_rows WHERE tenant = ? AND call_id = ?", KEY)
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if table.startswith("usage_") and not table.endswith("_kept"):
                told = db.execute(f"SELECT * FROM {table} WHERE call_id = ?", (KEY.call_id,))
                assert told.fetchall() == [], table
    after = await store.usage(UsageFilter("acme"), [UsageGroup.ENGINE])
    careful, llm = after.lines
    assert (careful.compute_s, careful.attempts) == (12.0, 2)
    assert llm == before.lines[1]
    assert (llm.tokens_in, llm.tokens_out, llm.cost) == (1000, 100, pytest.approx(0.003))
    await store.aclose()


async def test_a_file_of_before_tokens_were_counted_is_counted_on(tmp_path: Path) -> None:
    path = tmp_path / "transcripts.db"
    first = SqliteTranscripts(path)
    used = Usage(KEY, "batch", "careful", 60.0, 4.0)
    gone = replace(used, key=CallKey("acme", "gone"))
    await first.record_usage(used, gone)
    await first.bury(gone.key)
    await first.aclose()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TRIGGER usage_tokens_go")
        db.execute("DROP TABLE usage_tokens")
        db.execute("DROP TABLE usage_tokens_kept")
    for _ in range(2):
        again = SqliteTranscripts(path, prices=PRICES)
        await again.record_usage(
            replace(used.part("llm"), engine="llm", model="small", tokens_in=1000, tokens_out=100)
        )
        total = (await again.usage(UsageFilter("acme"), [])).total
        assert (total.passes, total.audio_s, total.compute_s) == (2, 120.0, 8.0)
        assert (total.tokens_in, total.tokens_out) == (1000, 100)
        assert total.cost == pytest.approx(0.002 + 0.001)
        await again.aclose()


_ATTEMPTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(1, 9)), min_size=1, max_size=12
)


@given(told=_ATTEMPTS, buried=st.booleans())
def test_audio_counts_once_whatever_is_attempted_told_again_or_deleted(
    told: list[tuple[str, bool, int]], buried: bool
) -> None:
    """Computing is what each attempt told last of itself: it only grows."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        most: dict[str, int] = {}
        for attempt, whole, compute_s in told:
            most[attempt] = max(compute_s, most.get(attempt, 0))
            audio_s = 60.0 if whole else 0.0
            sqlite_usage.record(
                db, Usage(KEY, "batch", "careful", audio_s, compute_s, attempt=attempt), PRICES
            )
            part = Usage(KEY, "batch", "llm", 0.0, 0.0, "small", attempt=f"{attempt}/llm")
            asked = replace(part, tokens_in=1000 * compute_s, tokens_out=compute_s)
            sqlite_usage.record(db, asked, PRICES)
        if buried:
            sqlite_usage.keep_sums(db, KEY)
            sqlite_usage.keep_sums(db, KEY)
        total = sqlite_usage.sums(db, UsageFilter("acme"), [], 1, None).total
    whole = any(each[1] for each in told)
    assert (total.passes, total.audio_s) == ((1, 60.0) if whole else (0, 0.0))
    assert (total.attempts, total.compute_s) == (len(most), sum(most.values()))
    assert (total.tokens_in, total.tokens_out) == (1000 * sum(most.values()), sum(most.values()))
    cost = 0.1 if whole else 0.0
    assert total.cost == pytest.approx(cost + sum(most.values()) * (1000 * 2 + 10) / 1e6)
