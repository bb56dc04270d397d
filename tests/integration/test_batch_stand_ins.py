"""Recordings whose engine fails: who steps in, what stands meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.batch_world import KEY, RATE, SETTINGS, World, a_world, wav
from tests.unit.batch.doubles import CountedEngine

from twicetold.batch.kits import BatchEngines, Kit
from twicetold.choice.chain import Chain, Member
from twicetold.engines import EngineInfo, Sound
from twicetold.engines.counter import render
from twicetold.engines.opening import NotOpen
from twicetold.errors import EngineFailed, EngineNotAllowed
from twicetold.queue import JobState
from twicetold.speech.transcript import Final, Hypothesis, Word
from twicetold.transcripts import Call, Status

pytestmark = pytest.mark.integration

LATER = replace(SETTINGS, job_attempts=3, provisional_base_s=0.05)
RANKS = {"good": 5, "poor": 1}


class NamedEngine(CountedEngine):
    """The counter by another name, which fails while it is told to."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        super().__init__()
        self.name, self.fails = name, fails

    @property
    def info(self) -> EngineInfo:
        return replace(super().info, name=self.name)

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        if self.fails:
            self.calls += sounds
            raise EngineFailed("The engine is away, says the test.")
        return await super().transcribe(sounds, language)


def engines(world: World, *named: NamedEngine) -> BatchEngines:
    members = [Member(Kit.of(world.tools(engine))) for engine in named]
    return BatchEngines(2, lambda tenant, language: Chain(lambda: members), RANKS.__getitem__)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def submitted(world: World, bursts: int = 40) -> None:
    job = world.record(wav(render(0, bursts, RATE)))
    await world.begin()
    await world.queue.submit(job)


async def until_written_by(world: World, engine: str) -> Call:
    async with asyncio.timeout(20.0):
        while True:
            call = await world.transcripts.call(KEY)
            if call is not None and call.canonical_engine == engine:
                return call
            await asyncio.sleep(0.01)


async def test_a_stand_in_serves_until_the_engine_that_is_wanted_is_back(world: World) -> None:
    good, poor = NamedEngine("good", fails=True), NamedEngine("poor")
    await submitted(world)
    async with world.worker(LATER, engines(world, good, poor)):
        call = await until_written_by(world, "poor")
        assert (call.provisional, call.draft_wer) == (True, None)
        assert await world.said() == list(range(40))
        good.fails = False
        call = await until_written_by(world, "good")
        await world.job(JobState.DONE)
    assert (call.provisional, call.status) == (False, Status.DONE)
    assert await world.said() == list(range(40))
    assert world.checkpoints() == []
    heard_by_the_stand_in = len(poor.calls)
    assert heard_by_the_stand_in <= 9  # once, however often the engine was tried meanwhile


async def test_who_steps_in_for_an_engine_that_was_never_opened_is_a_stand_in_too(
    world: World,
) -> None:
    good, poor = NotOpen(NamedEngine("good").info), NamedEngine("poor")
    members = [Member(Kit.of(world.tools(engine))) for engine in (good, poor)]
    chained = BatchEngines(2, lambda tenant, language: Chain(lambda: members), RANKS.__getitem__)
    await submitted(world)
    async with world.worker(LATER, chained):
        call = await until_written_by(world, "poor")
    assert call.provisional


async def test_one_failure_is_no_reason_to_step_in(world: World) -> None:
    good, poor = NamedEngine("good"), NamedEngine("poor")
    good._deaths = 4  # of the tries of one chunk: the attempt fails, the next one does not
    await submitted(world, bursts=3)
    async with world.worker(LATER, engines(world, good, poor)):
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert (call.canonical_engine, call.provisional) == ("good", False)
    assert poor.calls == []


async def better_draft(world: World) -> None:
    final = Final(1, 0, 1, 0.0, 1.0, "heard live", (Word(0.0, 1.0, "heard live"),), engine="good")
    await world.transcripts.save_draft(KEY, [final])
    await world.transcripts.end_call(KEY, 1010.0, 10.0, "good")


async def test_a_stand_in_never_replaces_a_better_draft(world: World) -> None:
    good, poor = NamedEngine("good", fails=True), NamedEngine("poor")
    await submitted(world)
    await better_draft(world)
    async with world.worker(replace(LATER, provisional_base_s=0.00001), engines(world, good, poor)):
        await world.job(JobState.FAILED)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert (call.canonical_revision, call.error_code) == (None, "engine_failed")
    assert poor.calls == []


async def test_while_the_better_draft_serves_its_engine_is_waited_for(world: World) -> None:
    good, poor = NamedEngine("good", fails=True), NamedEngine("poor")
    await submitted(world)
    await better_draft(world)
    async with world.worker(LATER, engines(world, good, poor)):
        async with asyncio.timeout(20.0):
            while (job := await world.queue.job_of(KEY)) is None or job.attempts <= 3:
                await asyncio.sleep(0.01)
        call = await world.transcripts.call(KEY)
        assert call is not None
        assert call.canonical_revision is None
        assert call.status in (Status.RECORDED, Status.TRANSCRIBING)
        good.fails = False
        call = await until_written_by(world, "good")
    assert not call.provisional
    assert poor.calls == []


async def test_a_stand_in_stays_where_the_engine_never_comes_back(world: World) -> None:
    good, poor = NamedEngine("good", fails=True), NamedEngine("poor")
    await submitted(world)
    async with world.worker(replace(LATER, provisional_base_s=0.00001), engines(world, good, poor)):
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert (call.canonical_engine, call.provisional, call.status) == ("poor", True, Status.DONE)
    assert await world.said() == list(range(40))


async def test_a_recording_that_is_broken_is_not_tried_with_another_engine(world: World) -> None:
    good, poor = NamedEngine("good"), NamedEngine("poor")
    await world.begin()
    await world.queue.submit(world.record(b"this is no sound at all" * 100))
    async with world.worker(LATER, engines(world, good, poor)):
        await world.job(JobState.FAILED)
    assert good.calls == poor.calls == []


async def test_a_job_that_no_engine_may_do_fails_and_says_why(world: World) -> None:
    def refuse() -> list[Member[Kit]]:
        raise EngineNotAllowed("cloud is remote, says the test")

    await submitted(world)
    refusing = BatchEngines(2, lambda tenant, language: Chain(refuse), RANKS.__getitem__)
    async with world.worker(LATER, refusing):
        await world.job(JobState.FAILED)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert (call.status, call.error_code) == (Status.FAILED, "engine_not_allowed")
