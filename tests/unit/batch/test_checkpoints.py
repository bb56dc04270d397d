"""Finished chunks survive as they are, one plan's and one call's apart from another's."""

from pathlib import Path

import pytest
from obstore.store import LocalStore

from twicetold.batch.checkpoints import FinishedChunk, KeptChunks, StoredCheckpoints, in_time_order
from twicetold.batch.chunking import Chunk, Region
from twicetold.batch.tongues import FoundLanguage
from twicetold.errors import CallDeleted, DiskFull, LeaseLost, Unavailable
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment, Word
from twicetold.storage import checkpoint_key, language_key, open_store

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")


def finished(start: float, text: str = "hello", channel: int = 0) -> FinishedChunk:
    word = Word(start, start + 0.5, text, 0.9)
    segment = Segment(0, channel, start, start + 0.5, text, (word,), probability=0.9)
    return FinishedChunk(int(start * 8000), 4000, 0.25, (segment,))


async def allowed() -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return open_store("file://", tmp_path)


def checkpoints(store: LocalStore, plan: str = "plan", key: CallKey = KEY) -> StoredCheckpoints:
    return StoredCheckpoints(store, key, "c0ffee", plan, allowed)


async def test_what_was_saved_is_loaded(store):
    await checkpoints(store).save(3, finished(1.5, "héllo"))
    assert await checkpoints(store).load(3) == finished(1.5, "héllo")
    assert await checkpoints(store).load(4) is None


async def test_a_language_is_kept_by_plan_and_channel_and_goes_with_the_call(store):
    await checkpoints(store).save_language(1, FoundLanguage("de", 0.25))
    assert await checkpoints(store).load_language(1) == FoundLanguage("de", 0.25)
    assert await checkpoints(store).load_language(0) is None
    assert await checkpoints(store, plan="other").load_language(1) is None
    store.put(language_key(KEY, "c0ffee", "plan", 1), b"[]")
    assert await checkpoints(store).load_language(1) is None
    await checkpoints(store).clear()
    assert list(store.list("jobs")) == []


async def test_plans_do_not_mix(store):
    await checkpoints(store).save(0, finished(1.0))
    assert await checkpoints(store, plan="other").load(0) is None


async def test_a_damaged_checkpoint_is_none(store):
    store.put(checkpoint_key(KEY, "c0ffee", "plan", 0), b'{"start_sample": 1')
    assert await checkpoints(store).load(0) is None


async def test_clearing_leaves_nothing_of_the_call_and_all_of_others(store, tmp_path):
    other = CallKey("acme", "call-10")
    for number in range(3):
        await checkpoints(store).save(number, finished(1.0))
    await checkpoints(store, plan="other").save(0, finished(1.0))
    await checkpoints(store, key=other).save(0, finished(1.0))
    await checkpoints(store).clear()
    assert not (tmp_path / "store/jobs/acme/call-1").exists()
    assert await checkpoints(store, key=other).load(0) is not None


async def test_nothing_is_written_for_a_deleted_call(store, tmp_path):
    async def forbidden() -> None:
        raise CallDeleted("gone")

    with pytest.raises(CallDeleted):
        await StoredCheckpoints(store, KEY, "c0ffee", "plan", forbidden).save(0, finished(1.0))
    assert not (tmp_path / "store/jobs").exists()


async def test_what_was_written_while_the_call_was_deleted_does_not_stay(store, tmp_path):
    asked = 0

    async def until_it_is_written() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise CallDeleted("gone")

    late = StoredCheckpoints(store, KEY, "c0ffee", "plan", until_it_is_written)
    with pytest.raises(CallDeleted):
        await late.save(0, finished(1.0))
    assert not (tmp_path / "store/jobs/acme/call-1").exists()


async def test_what_was_written_after_the_job_had_ended_does_not_stay(store):
    """A worker that slept through its lease: another has come to the end, and cleared up."""
    asked = 0

    async def until_it_is_written() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise LeaseLost("The job of call-1 has ended.")

    late = StoredCheckpoints(store, KEY, "c0ffee", "plan", until_it_is_written)
    with pytest.raises(LeaseLost):
        await late.save(0, finished(1.0))
    assert await checkpoints(store).load(0) is None


class FullStore:
    """Fake: a store on a full disk."""

    def put(self, path: str, body: bytes) -> None:
        raise OSError("No space left on device")


async def test_a_full_disk_is_named():
    with pytest.raises(DiskFull):
        await checkpoints(FullStore()).save(0, finished(1.0))  # type: ignore[arg-type]


def test_a_checkpoint_fits_its_own_stretch_of_sound_only():
    chunk = Chunk(0, 0, 8000, bytes(8000), 8000, (Region(8000, 12000, 0),))
    longer = Chunk(0, 0, 8000, bytes(8002), 8000, (Region(8000, 12001, 0),))
    assert finished(1.0).fits(chunk)
    assert not finished(1.0).fits(longer)
    assert not finished(1.1).fits(chunk)


async def test_channels_are_merged_by_time_and_numbered():
    kept = KeptChunks()
    for number, start in ((0, 1.0), (2, 9.0), (4, 20.0)):
        await kept.save(number, finished(start, "agent"))
    for number, start in ((1, 5.0), (3, 9.0)):
        await kept.save(number, finished(start, "caller", 1))
    segments = [one async for one in in_time_order(kept, [[0, 2, 4], [1, 3]])]
    assert [(one.start, one.channel) for one in segments] == [
        (1.0, 0),
        (5.0, 1),
        (9.0, 0),
        (9.0, 1),
        (20.0, 0),
    ]
    assert [one.number for one in segments] == [1, 2, 3, 4, 5]


async def test_a_missing_chunk_is_an_error_and_no_gap():
    kept = KeptChunks()
    await kept.save(0, finished(1.0))
    with pytest.raises(Unavailable):
        _ = [one async for one in in_time_order(kept, [[0, 1]])]
