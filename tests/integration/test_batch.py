"""The batch pass on the embedded carriers and real files; the engine counts tone bursts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.integration.batch_world import (
    KEY,
    RATE,
    SETTINGS,
    World,
    a_world,
    running,
    wav,
)
from tests.unit.batch.doubles import CountedEngine, interleaved

from twicetold.batch.pipeline import Tools, transcribe_file
from twicetold.broker import Listener, Topic
from twicetold.engines import Sound
from twicetold.engines.counter import ToneActivity, render
from twicetold.errors import EngineFailed, Unavailable
from twicetold.queue import JobState
from twicetold.queue.sqlite import SqliteQueue
from twicetold.speech.events import Caption
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Hypothesis, Word
from twicetold.storage import local_path
from twicetold.transcripts import Status, Version
from twicetold.transcripts.usage import UsageFilter, UsageGroup

pytestmark = pytest.mark.integration


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def statuses(listener: Listener, last: str) -> list[str]:
    """The statuses that followers of the call were told, up to ``last``."""
    seen: list[str] = []
    async with asyncio.timeout(10.0):
        while last not in seen:
            told = await listener.receive()
            seen += [Caption.from_bytes(value).body()["status"] for _, value in told]
    return seen


# --- one job --------------------------------------------------------------------------------


async def test_a_recording_gets_its_canonical_transcript(world):
    agent, caller = render(0, 60, RATE), bytes(2 * 5000) + render(900, 50, RATE, group=5)
    pcm = interleaved(agent, caller)
    job = world.record(wav(pcm, 2))
    await world.begin()
    listener = world.broker.listen(Topic.CAPTIONS)
    await listener.add(KEY)
    async with world.worker():
        await world.queue.submit(job)
        await world.job(JobState.DONE)
        told = await statuses(listener, "done")
    await listener.aclose()

    assert await world.said(channel=0) == list(range(60))
    assert await world.said(channel=1) == list(range(900, 950))
    call = await world.transcripts.call(KEY)
    length_s = len(pcm) / 4 / RATE
    assert (call.status, call.channels, call.canonical_engine) == (Status.DONE, 2, "counter")
    assert (call.length_s, call.recording) == (pytest.approx(length_s), job.recording)
    assert told[0] == "transcribing"
    assert world.checkpoints() == []
    by = [UsageGroup.PASS, UsageGroup.ENGINE, UsageGroup.DEVICE]
    [usage] = (await world.transcripts.usage(UsageFilter("acme"), by)).lines
    assert list(usage.group.values()) == ["batch", "counter", "cpu"]
    assert (usage.passes, usage.attempts, usage.audio_s) == (1, 1, call.length_s)
    assert usage.compute_s > 0.0


async def test_a_job_whose_worker_died_goes_on_at_its_last_finished_chunk(world):
    job = world.record(wav(render(0, 300, RATE)))
    reference = await transcribe_file(
        local_path(world.store, job.recording),
        Tools(world.decoder, CountedEngine(), ToneActivity()),
        language="en",
        settings=SETTINGS.chunking,
    )
    await world.begin()
    await world.queue.submit(job)
    world.engine = first = StoppingEngine(after=4)
    async with world.worker():
        await first.until_in_flight(4)
        await asyncio.to_thread(_until_files, world, 4)
    finished = len(world.checkpoints())
    assert finished == 4

    world.engine = second = CountedEngine()
    async with world.worker():
        await world.job(JobState.DONE)
    segments = [one async for one in world.transcripts.segments(KEY, Version.CANONICAL)]
    assert await world.said() == list(range(300))
    assert [(one.start, one.text) for one in segments] == [
        (pytest.approx(one.start, abs=0.001), one.text) for one in reference.segments
    ]
    chunks = {sound.pcm for sound in first.calls} | {sound.pcm for sound in second.calls}
    assert len(second.calls) == len(chunks) - finished


def _until_files(world: World, count: int) -> None:
    for _ in range(1000):
        if len(world.checkpoints()) >= count:
            return
        time.sleep(0.01)


class StoppingEngine(CountedEngine):
    """Fake: answers so many chunks and hangs on the rest, like an engine in a dying server."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    async def transcribe(self, sounds: list[Sound], language: str) -> list[Hypothesis]:
        if self._left == 0:
            self.open.clear()
        else:
            self._left -= 1
        return await super().transcribe(sounds, language)


async def test_a_job_that_is_announced_twice_is_done_once(world):
    job = world.record(wav(render(0, 40, RATE)))
    await world.begin()
    async with world.worker():
        assert await world.queue.submit(job)
        assert not await world.queue.submit(job)
        await world.job(JobState.DONE)
        calls = len(world.engine.calls)
        assert not await world.queue.submit(job)
        await asyncio.sleep(0.1)
    assert len(world.engine.calls) == calls
    assert await world.said() == list(range(40))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"It was a dark and stormy night. " * 200, "not_audio"),
        (b"", "empty_audio"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "playlist_refused"),
    ],
)
async def test_a_bad_file_fails_visibly_and_stops_nobody(world, body, code):
    good = CallKey("acme", "good")
    await world.begin()
    await world.begin(good)
    await world.queue.submit(world.record(body))
    sound = render(0, 8, RATE)
    await world.queue.submit(world.record(wav(sound), good))
    async with world.worker(replace(SETTINGS, jobs_at_once=1)):
        await world.job(JobState.DONE, good)
        await world.job(JobState.FAILED)
        async with asyncio.timeout(10.0):
            while (world.work_done.finished, world.work_done.failed) != (1, 1):
                await asyncio.sleep(0.01)
    assert world.work_done.audio_s == pytest.approx(len(sound) / 2 / RATE)
    [failed] = await world.queue.jobs(state=JobState.FAILED)
    call = await world.transcripts.call(KEY)
    assert (failed.error_code, failed.attempts) == (code, 1)
    assert failed.hint
    assert (call.status, call.error_code) == (Status.FAILED, code)
    assert call.error == failed.error
    assert await world.said(good) == list(range(8))


class FailingEngine(CountedEngine):
    """Fake: out of order for so many calls."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self._failures = failures

    async def transcribe(self, sounds: list[Sound], language: str) -> list[Hypothesis]:
        if self._failures:
            self._failures -= 1
            raise EngineFailed("Out of order.")
        return await super().transcribe(sounds, language)


async def test_what_may_pass_is_tried_again(world):
    world.engine = FailingEngine(2)
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 8, RATE))))
    async with world.worker():
        await world.job(JobState.DONE)
    found = await world.queue.job_of(KEY)
    assert found.attempts == 3
    assert (await world.transcripts.call(KEY)).error_code is None
    assert await world.said() == list(range(8))


async def test_what_does_not_pass_fails_after_so_many_attempts_and_can_be_retried(world):
    world.engine = FailingEngine(3)
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 8, RATE))))
    async with world.worker():
        await world.job(JobState.FAILED)
        assert (await world.transcripts.call(KEY)).error_code == "engine_failed"
        await world.queue.retry_failed(KEY)
        await world.job(JobState.DONE)
    assert (await world.transcripts.call(KEY)).status is Status.DONE
    assert world.work_done.failed == 1  # not each of its attempts


class BusyFirst:
    """Told of the end of calls, into a database that others hold for a while."""

    def __init__(self, times: int) -> None:
        self._times, self.told = times, []

    async def done(self, key, name):
        if self._times:
            self._times -= 1
            raise Unavailable("A database is busy.", busy=True)
        self.told.append("done")

    async def failed(self, key, name, code, error, hint):
        self.told.append("failed")


async def test_a_database_that_others_hold_costs_a_job_no_attempt(world):
    announcer = BusyFirst(SETTINGS.job_attempts + 2)
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 8, RATE))))
    async with world.worker(announcer=announcer):
        await world.job(JobState.DONE)
    assert (await world.queue.job_of(KEY)).attempts == 1
    assert announcer.told == ["done"]
    assert (await world.transcripts.call(KEY)).status is Status.DONE


async def test_short_recordings_fill_all_places(world):
    keys = [CallKey("acme", f"short-{number}") for number in range(4)]
    for key in keys:
        await world.begin(key)
        await world.queue.submit(world.record(wav(render(0, 8, RATE)), key))
    world.engine.open.clear()
    async with world.worker():
        await world.engine.until_in_flight(2)
        world.engine.open.set()
        for key in keys:
            await world.job(JobState.DONE, key)
    assert [await world.said(key) for key in keys] == [list(range(8))] * 4


# --- while a job runs -----------------------------------------------------------------------


async def test_what_is_heard_after_another_worker_has_ended_the_job_leaves_nothing(world):
    """It slept through its lease; the other has cleared up, and nobody comes behind this one."""
    await world.begin()
    world.engine.open.clear()
    asleep = replace(SETTINGS, job_lease_s=60.0, status_every_s=60.0)
    with capture_logs() as logs:
        async with world.worker(asleep):
            await world.queue.submit(world.record(wav(render(0, 60, RATE))))
            await world.engine.until_in_flight(2)
            jobs = sqlite3.connect(world.root / "queue.sqlite3")
            with contextlib.closing(jobs), jobs:
                jobs.execute("UPDATE jobs SET state = 'done', token = NULL, free_at = NULL")
            world.engine.open.set()
            async with asyncio.timeout(20.0):
                while not any(each["event"] == "job_ends" for each in logs):
                    await asyncio.sleep(0.02)
    assert any(each["event"] == "lease_lost" for each in logs)
    assert world.checkpoints() == []
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert call.canonical_revision is None


async def test_a_call_that_is_deleted_meanwhile_leaves_nothing(world):
    other = CallKey("acme", "other")
    await world.begin()
    await world.begin(other)
    world.engine = engine = StoppingEngine(after=2)
    async with world.worker(replace(SETTINGS, jobs_at_once=1)):
        await world.queue.submit(world.record(wav(render(0, 300, RATE))))
        await engine.until_in_flight(4)
        await asyncio.to_thread(_until_files, world, 2)
        await world.transcripts.bury(KEY)
        await world.queue.forget(KEY)
        engine.open.set()
        engine._left = 10_000
        await world.queue.submit(world.record(wav(render(0, 8, RATE)), other))
        await world.job(JobState.DONE, other)
    assert await world.transcripts.call(KEY) is None
    assert await world.queue.job_of(KEY) is None
    assert world.checkpoints() == []
    named = (await world.transcripts.usage(UsageFilter("acme"), [UsageGroup.CALL])).lines
    # The deleted one's sum stays, if it was noted before; its name does not.
    assert {one.group[UsageGroup.CALL] for one in named} <= {"", "other"}


async def test_a_job_that_was_taken_away_is_published_by_its_new_owner_alone(world):
    job = world.record(wav(render(0, 40, RATE)))
    await world.begin()
    world.engine.open.clear()
    async with world.worker(replace(SETTINGS, jobs_at_once=1)):
        await world.queue.submit(job)
        await world.engine.until_in_flight(1)
        asked = len(world.engine.calls)
        await world.queue.forget(KEY)  # the lease is gone, as if it had run out
        await world.queue.submit(job)
        async with asyncio.timeout(10.0):
            while len(world.engine.calls) == asked:
                await asyncio.sleep(0.01)
        assert (await world.transcripts.call(KEY)).canonical_revision is None
        world.engine.open.set()
        await world.job(JobState.DONE)
    assert (await world.queue.job_of(KEY)).attempts == 1
    assert await world.said() == list(range(40))


async def test_a_recording_that_is_replaced_meanwhile_gets_the_transcript_of_its_new_sound(world):
    await world.begin()
    world.engine.open.clear()
    async with world.worker(replace(SETTINGS, jobs_at_once=1)):
        old = world.record(wav(render(0, 40, RATE)))
        await world.queue.submit(old)
        await world.engine.until_in_flight(1)
        new = world.record(wav(render(500, 40, RATE)))
        world.engine.open.set()
        async with asyncio.timeout(10.0):
            while await world.said() != list(range(500, 540)):
                await asyncio.sleep(0.01)
        await world.job(JobState.DONE)
    jobs = await world.queue.jobs()
    assert [(one.job.content, one.state) for one in jobs] == [
        (new.content, JobState.DONE),
        (old.content, JobState.DONE),
    ]


async def test_the_lease_is_kept_while_a_chunk_takes_longer_than_it(world):
    job = world.record(wav(render(0, 8, RATE)))
    await world.begin()
    queue = SqliteQueue(world.root / "queue.sqlite3", lease_s=0.8)
    world.queue, kept = queue, world.queue
    world.engine.open.clear()
    async with world.worker(replace(SETTINGS, job_lease_s=0.8)):
        await queue.submit(job)
        await world.engine.until_in_flight(1)
        await asyncio.sleep(1.8)
        world.engine.open.set()
        await world.job(JobState.DONE)
    assert (await queue.job_of(KEY)).attempts == 1
    await queue.aclose()
    world.queue = kept


async def test_the_drafts_error_rate_is_settled_when_the_canonical_comes_second(world):
    await world.begin(source="live")
    words = tuple(Word(at * 0.17, at * 0.17 + 0.12, str(at + 100)) for at in range(8))
    text = " ".join(word.text for word in words[:7]) + " 999"
    await world.transcripts.save_draft(KEY, [Final(1, 0, 1, 0.0, 1.3, text, words)])
    await world.transcripts.end_call(KEY, 2000.0, 2.0, "null")
    await world.queue.submit(world.record(wav(render(100, 8, RATE))))
    async with world.worker():
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    assert call.draft_wer == pytest.approx(1 / 8)
    assert call.draft_wer_normaliser


async def test_an_attempt_that_died_behind_the_switch_is_only_finished(world):
    job = world.record(wav(render(0, 8, RATE)))
    await world.begin()
    await world.queue.submit(job)
    async with world.worker():
        await world.job(JobState.DONE)
    calls, revision = (
        len(world.engine.calls),
        (await world.transcripts.call(KEY)).canonical_revision,
    )
    await world.transcripts.set_status(KEY, Status.TRANSCRIBING)
    await world.queue.forget(KEY)
    await world.queue.submit(job)
    async with world.worker():
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    assert (call.status, call.canonical_revision) == (Status.DONE, revision)
    assert len(world.engine.calls) == calls


# --- arrivals -------------------------------------------------------------------------------


async def test_a_dropped_file_becomes_a_job_once_it_has_settled(world):
    body = wav(render(0, 16, RATE))
    path = local_path(world.store, "recordings/acme/call-1.wav")
    async with running(world.arrivals().run()), world.worker():
        await asyncio.sleep(0.3)
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            file.write(body[:3000])
            file.flush()
            await asyncio.sleep(0.2)
            file.write(body[3000:])
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    assert (call.source, call.status, call.language) == ("drop", Status.DONE, "en")
    assert await world.said() == list(range(16))
    assert len(await world.queue.jobs()) == 1


async def test_what_came_while_nobody_watched_is_found_at_the_start(world):
    world.record(wav(render(0, 8, RATE)))
    world.record(wav(render(8, 8, RATE)), CallKey("acme", "call-2"), ".wav")
    assert await world.arrivals().reconcile() == 2
    assert await world.arrivals().reconcile() == 0
    assert {one.job.key.call_id for one in await world.queue.jobs()} == {"call-1", "call-2"}


async def test_a_file_that_is_no_recording_is_left_alone(world):
    root = local_path(world.store, "recordings")
    for name in ("acme/.hidden.wav", "acme/a.wav.tmp", "acme/a.wav#1", "acme/a b.wav", "b.wav"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(wav(render(0, 8, RATE)))
        os.utime(root / name, (1, 1))
    world.record(wav(render(0, 8, RATE)), CallKey("stranger", "call-1"))
    assert await world.arrivals(tenants={"acme"}).reconcile() == 0
    assert await world.queue.jobs() == []


async def test_a_live_call_is_left_to_its_recorder(world):
    await world.begin(source="live")
    job = world.record(wav(render(0, 8, RATE)))
    assert await world.arrivals().reconcile() == 0
    await world.transcripts.end_call(KEY, 2000.0, 2.0, "null")
    assert await world.arrivals().reconcile() == 0  # the recorder has yet to say that it is whole
    await world.transcripts.set_recording(KEY, job.recording, 2.0)
    assert await world.arrivals().reconcile() == 1  # and died before it made the job


async def test_a_deleted_calls_recording_does_not_come_back(world):
    await world.transcripts.bury(KEY)
    world.record(wav(render(0, 8, RATE)))
    assert await world.arrivals().reconcile() == 0
    assert await world.transcripts.call(KEY) is None


async def test_a_replaced_recording_is_transcribed_anew_and_so_is_the_first_when_it_is_back(world):
    first, second = wav(render(0, 8, RATE)), wav(render(50, 8, RATE))
    arrivals = world.arrivals()
    for body, numbers in ((first, range(8)), (second, range(50, 58)), (first, range(8))):
        world.record(body)
        assert await arrivals.reconcile() == 1
        async with world.worker():
            await world.job(JobState.DONE)
        assert await world.said() == list(numbers)


async def test_a_second_recording_of_a_call_is_not_taken_for_it(world):
    arrivals = world.arrivals()
    world.record(wav(render(0, 8, RATE)))
    assert await arrivals.reconcile() == 1
    world.record(wav(render(8, 8, RATE)), suffix=".flac")
    assert await arrivals.reconcile() == 0
    assert (await world.transcripts.call(KEY)).recording == "recordings/acme/call-1.wav"


async def test_a_finished_job_whose_transcript_is_lost_is_done_again(world):
    world.record(wav(render(0, 8, RATE)))
    arrivals = world.arrivals()
    await arrivals.reconcile()
    lease = await world.queue.claim()
    await lease.complete()  # and nothing was ever published
    assert await arrivals.reconcile() == 1
    async with world.worker():
        await world.job(JobState.DONE)
    assert await world.said() == list(range(8))


async def test_drops_are_still_noticed_when_the_last_recording_was_deleted(world):
    async with running(world.arrivals().run()):
        await asyncio.sleep(0.3)
        await asyncio.to_thread(world.store.put, "recordings/acme/old.wav", b"old")
        await asyncio.to_thread(world.store.delete, "recordings/acme/old.wav")
        await asyncio.sleep(0.6)
        world.record(wav(render(0, 8, RATE)))
        await world.job(JobState.WAITING)
