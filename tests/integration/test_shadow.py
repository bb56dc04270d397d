"""Shadow engines: what they hear is kept and compared, and nobody else notices them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.integration.batch_world import KEY, RATE, SETTINGS, World, a_world, running, wav
from tests.unit.batch.doubles import CountedEngine, interleaved

from twicetold.batch import shadow as shadow_module
from twicetold.batch.shadow import ShadowCarriers, ShadowWorker
from twicetold.batch.shadow_hearing import BatchShadowEar, ShadowEar
from twicetold.batch.shadow_orders import ShadowOrders, ShadowsDone
from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use, Wishes
from twicetold.config import Settings
from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Sound
from twicetold.engines.counter import COUNTER_INFO, render
from twicetold.errors import EngineFailed, MissingExtra, TwicetoldError, Unavailable
from twicetold.queue import Job, JobState, Tally
from twicetold.queue.sqlite import SqliteLease, SqliteQueue
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Hypothesis, Word
from twicetold.storage import local_path
from twicetold.transcripts import Shadow, Status, Version
from twicetold.transcripts.usage import UsageFilter, UsageGroup
from twicetold.wiring.shadow_ears import open_shadow_ear

pytestmark = pytest.mark.integration

OTHER_INFO = replace(COUNTER_INFO, name="other")
WORDS = 60  # of a recording, in several chunks
LATER = CallKey("acme", "call-2")


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_module, "_LOOK_AGAIN_S", 0.02)


class Mishearing(CountedEngine):
    """The counter with the same few errors each time; fails while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.error: TwicetoldError | None = None

    @property
    def info(self) -> EngineInfo:
        return OTHER_INFO

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        told = await super().transcribe(sounds, language)
        if self.error is not None:
            raise self.error
        return [replace(each, words=tuple(misheard(each.words))) for each in told]


def misheard(words: Sequence[Word]) -> list[Word]:
    """Of every twenty one is replaced, one left out, and one said twice."""
    kept: list[Word] = []
    for word in words:
        number = int(word.text)
        if number % 20 == 5:
            kept.append(replace(word, text="wrong"))
        elif number % 20 == 10:
            kept += [word, word]
        elif number % 20 != 15:
            kept.append(word)
    return kept


@dataclass
class Shadowed:
    """A world whose tenants have a shadow engine."""

    world: World
    orders: SqliteQueue
    engine: Mishearing = field(default_factory=Mishearing)
    done: ShadowsDone = field(default_factory=ShadowsDone)
    wishes: dict[str, Wishes] = field(default_factory=dict)
    infos: dict[str, EngineInfo] = field(
        default_factory=lambda: {"counter": COUNTER_INFO, "other": OTHER_INFO}
    )
    most_waiting: int = 1000
    opened: int = 0
    refusal: TwicetoldError | None = None  # of opening the engine

    @property
    def policy(self) -> Policy:
        server = Wishes("counter", None, "counter", shadow_engine="other")
        return Policy(server, lambda name: self.wishes.get(name, Wishes()), self.infos.__getitem__)

    async def published(self, job: Job) -> None:
        orders = ShadowOrders(
            self.orders, self.world.transcripts, self.policy, self.done, self.most_waiting
        )
        await orders.published(job)

    @contextlib.asynccontextmanager
    async def ear(self, use: Use, name: str) -> AsyncIterator[ShadowEar]:
        self.opened += 1
        if self.refusal is not None:
            raise self.refusal
        yield BatchShadowEar(self.world.tools(self.engine), SETTINGS.chunking)

    @contextlib.asynccontextmanager
    async def shadowing(self) -> AsyncIterator[None]:
        world = self.world
        carriers = ShadowCarriers(self.orders, world.queue, world.transcripts, world.store)
        worker = ShadowWorker(carriers, self.ear, self.policy, SETTINGS, self.done)
        async with running(worker.run()):
            yield

    async def transcribed(self, key: CallKey = KEY) -> Job:
        """A recording whose canonical transcript has come to stand."""
        job = self.world.record(wav(render(0, WORDS, RATE)), key)
        await self.world.begin(key)
        await self.world.queue.submit(job)
        async with self.world.worker(published=self.published):
            await self.world.job(JobState.DONE, key)
        return job

    async def order(self, state: JobState, key: CallKey = KEY) -> None:
        async with asyncio.timeout(20.0):
            while True:
                found = await self.orders.job_of(key)
                if found is not None and found.state is state:
                    return
                await asyncio.sleep(0.01)

    async def shadow(self, key: CallKey = KEY) -> Shadow:
        found = await self.world.transcripts.shadow(key)
        assert found is not None
        return found

    async def heard(self, key: CallKey = KEY) -> list[str]:
        segments = self.world.transcripts.shadow_segments(key)
        return " ".join([segment.text async for segment in segments]).split()


@pytest.fixture
async def shadowed(tmp_path: Path) -> AsyncIterator[Shadowed]:
    async with a_world(tmp_path) as world:
        orders = SqliteQueue(tmp_path / "shadows.sqlite3", lease_s=SETTINGS.job_lease_s)
        yield Shadowed(world, orders)
        await orders.aclose()


async def test_a_shadow_is_made_after_the_transcript_and_compared(shadowed: Shadowed) -> None:
    await shadowed.transcribed()
    assert shadowed.engine.calls == [], "not before the transcript stands"
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE)
    told = misheard([Word(0.0, 0.0, str(number)) for number in range(WORDS)])
    assert await shadowed.heard() == [word.text for word in told]
    assert await shadowed.world.said() == list(range(WORDS))
    shadow, call = await shadowed.shadow(), await shadowed.world.transcripts.call(KEY)
    assert call is not None
    assert (shadow.substitutions, shadow.insertions, shadow.deletions) == (3, 3, 3)
    assert (shadow.words, shadow.canonical_words) == (WORDS, WORDS)
    assert (shadow.difference, shadow.normaliser) == (9 / WORDS, "whisper-english")
    assert (shadow.engine, shadow.canonical_engine) == ("other", "counter")
    assert (shadow.revision, shadow.stale) == (call.canonical_revision, False)
    assert (call.status, call.canonical_engine) == (Status.DONE, "counter")
    assert shadow.audio_s == call.length_s
    by = [UsageGroup.PASS, UsageGroup.ENGINE]
    usage = (await shadowed.world.transcripts.usage(UsageFilter("acme"), by)).lines
    found = {tuple(line.group.values()): line.audio_s for line in usage}
    assert found["shadow batch", "other"] == shadow.audio_s
    assert (shadowed.done.made, shadowed.done.failed, shadowed.done.left_out) == (1, 0, 0)
    assert shadowed.done.audio_s == shadow.audio_s
    assert shadowed.world.checkpoints() == []


async def test_no_chunk_begins_while_a_job_is_at_work_or_could_be(shadowed: Shadowed) -> None:
    await shadowed.transcribed()
    shadowed.engine.open.clear()  # the first chunk stays under way
    async with shadowed.shadowing():
        await shadowed.engine.until_in_flight(1)
        job = shadowed.world.record(wav(render(500, WORDS, RATE)), LATER)
        await shadowed.world.begin(LATER)
        await shadowed.world.queue.submit(job)
        shadowed.engine.open.set()
        await asyncio.sleep(0.3)
        assert (len(shadowed.engine.calls), shadowed.engine.most_in_flight) == (1, 1)
        shadowed.world.engine.open.clear()
        async with shadowed.world.worker():
            await shadowed.world.engine.until_in_flight(1)
            await asyncio.sleep(0.3)
            assert len(shadowed.engine.calls) == 1, "the job is at work"
            shadowed.world.engine.open.set()
            await shadowed.world.job(JobState.DONE, LATER)
        assert await shadowed.world.said(LATER) == list(range(500, 500 + WORDS))
        await shadowed.order(JobState.DONE)
    assert len(shadowed.engine.calls) > 1
    assert (await shadowed.shadow()).differences == 9


async def test_a_failing_shadow_is_counted_and_touches_nothing_else(shadowed: Shadowed) -> None:
    shadowed.engine.error = EngineFailed("Away, says the test.")
    await shadowed.transcribed()
    async with shadowed.shadowing():
        await shadowed.order(JobState.FAILED)
    order = await shadowed.orders.job_of(KEY)
    assert order is not None
    assert (order.attempts, order.error_code) == (3, "engine_failed")
    assert (shadowed.done.failed, shadowed.done.made) == (1, 0)
    assert shadowed.opened == 3, "afresh for each attempt"
    call = await shadowed.world.transcripts.call(KEY)
    assert call is not None
    assert (call.status, call.error_code) == (Status.DONE, None)
    assert await shadowed.world.transcripts.shadow(KEY) is None
    assert (await shadowed.world.queue.tally()).failed == 0


async def test_an_engine_that_cannot_be_opened_is_not_tried_again(shadowed: Shadowed) -> None:
    shadowed.refusal = MissingExtra("Engine other needs its package.", "pip install …")
    await shadowed.transcribed()
    await shadowed.transcribed(LATER)
    async with shadowed.shadowing():
        await shadowed.order(JobState.FAILED)
        await shadowed.order(JobState.FAILED, LATER)
    assert (shadowed.opened, shadowed.done.failed) == (2, 2)


async def test_attempts_that_took_the_worker_along_are_not_made_for_ever(
    shadowed: Shadowed,
) -> None:
    job = await shadowed.transcribed()
    orders = SqliteQueue(shadowed.world.root / "shadows.sqlite3", lease_s=0.05)
    for attempt in range(1, 4):
        lease = await orders.claim()
        assert (lease.job, lease.attempt) == (job, attempt)
        await asyncio.sleep(0.1)  # it runs out, as that of a dead process does
    await orders.aclose()
    async with shadowed.shadowing():
        await shadowed.order(JobState.FAILED)
    assert (shadowed.engine.calls, shadowed.done.failed) == ([], 1)


async def test_calls_outside_the_share_and_of_the_same_engine_have_none(
    shadowed: Shadowed,
) -> None:
    shadowed.wishes["acme"] = Wishes(shadow_share="0")
    await shadowed.transcribed()
    shadowed.wishes["acme"] = Wishes(shadow_engine="counter")
    await shadowed.transcribed(LATER)
    assert await shadowed.orders.jobs() == []
    assert (shadowed.done.left_out, shadowed.done.failed) == (0, 0)


async def test_a_remote_shadow_hears_nothing_that_it_may_not(shadowed: Shadowed) -> None:
    shadowed.infos["other"] = replace(OTHER_INFO, remote=True)
    await shadowed.transcribed()
    assert (await shadowed.orders.jobs(), shadowed.done.left_out) == ([], 1)
    shadowed.wishes["acme"] = Wishes(allow_remote="other")
    await shadowed.transcribed(LATER)
    shadowed.wishes["acme"] = Wishes(allow_remote="none")  # taken back before it was its turn
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE, LATER)
    assert (shadowed.engine.calls, shadowed.done.left_out) == ([], 2)


async def test_a_busy_disk_makes_it_wait_and_not_fail(
    shadowed: Shadowed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shadowed.transcribed()
    tally, extend = shadowed.world.queue.tally, SqliteLease.extend
    busy = {"tally": 2, "extend": 1}
    extended = asyncio.Event()

    async def seldom_told() -> Tally:
        busy["tally"] -= 1
        if busy["tally"] >= 0:
            raise Unavailable("The disk is busy, says the test.")
        return await tally()

    async def seldom_extended(lease: SqliteLease, *done: float) -> None:
        busy["extend"] -= 1
        if busy["extend"] >= 0:
            raise Unavailable("The disk is busy, says the test.")
        await extend(lease, *done)
        extended.set()

    monkeypatch.setattr(shadowed.world.queue, "tally", seldom_told)
    monkeypatch.setattr(SqliteLease, "extend", seldom_extended)
    shadowed.engine.open.clear()
    async with shadowed.shadowing():
        await shadowed.engine.until_in_flight(1)
        async with asyncio.timeout(20.0):
            await extended.wait()
        shadowed.engine.open.set()
        await shadowed.order(JobState.DONE)
    order = await shadowed.orders.job_of(KEY)
    assert order is not None
    assert (order.attempts, shadowed.opened, shadowed.done.made) == (1, 1, 1)


async def test_a_permission_that_is_taken_back_counts_before_the_next_chunk(
    shadowed: Shadowed,
) -> None:
    shadowed.infos["other"] = replace(OTHER_INFO, remote=True)
    shadowed.wishes["acme"] = Wishes(allow_remote="other")
    await shadowed.transcribed()
    shadowed.engine.open.clear()
    async with shadowed.shadowing():
        await shadowed.engine.until_in_flight(1)
        shadowed.wishes["acme"] = Wishes(allow_remote="none")
        shadowed.engine.open.set()
        await shadowed.order(JobState.DONE)
    assert len(shadowed.engine.calls) == 1
    assert (shadowed.done.left_out, shadowed.done.made, shadowed.done.failed) == (1, 0, 0)
    assert await shadowed.world.transcripts.shadow(KEY) is None


async def test_a_wish_that_was_taken_back_leaves_no_shadow(shadowed: Shadowed) -> None:
    await shadowed.transcribed()
    shadowed.wishes["acme"] = Wishes(shadow_share="0")
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE)
    assert (shadowed.engine.calls, shadowed.done.made) == ([], 0)


async def test_of_a_call_that_is_deleted_meanwhile_nothing_is_kept(shadowed: Shadowed) -> None:
    await shadowed.transcribed()
    shadowed.engine.open.clear()
    async with shadowed.shadowing():
        await shadowed.engine.until_in_flight(1)
        await shadowed.world.transcripts.bury(KEY)
        shadowed.engine.open.set()
        await shadowed.order(JobState.DONE)
    assert await shadowed.heard() == []
    assert (shadowed.done.made, shadowed.done.failed) == (0, 0)
    usage = await shadowed.world.transcripts.usage(UsageFilter("acme"), [UsageGroup.PASS])
    assert [line.group[UsageGroup.PASS] for line in usage.lines] == ["batch"]


async def test_a_worker_that_stops_gives_the_recording_back(shadowed: Shadowed) -> None:
    await shadowed.transcribed()
    shadowed.engine.open.clear()
    async with shadowed.shadowing():
        await shadowed.engine.until_in_flight(1)
    order = await shadowed.orders.job_of(KEY)
    assert order is not None
    assert (order.state, order.attempts) == (JobState.WAITING, 0)
    shadowed.engine.open.set()
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE)
    assert (await shadowed.shadow()).differences == 9


async def test_too_many_that_wait_are_left_out_and_counted(shadowed: Shadowed) -> None:
    shadowed.most_waiting = 1
    await shadowed.transcribed()
    await shadowed.transcribed(LATER)
    assert [order.job.key for order in await shadowed.orders.jobs()] == [KEY]
    assert shadowed.done.left_out == 1


async def test_a_queue_that_is_broken_costs_no_transcript(shadowed: Shadowed) -> None:
    await shadowed.orders.aclose()
    await shadowed.transcribed()
    assert await shadowed.world.said() == list(range(WORDS))
    assert shadowed.done.failed == 1


async def test_a_transcript_that_is_written_anew_is_compared_anew(shadowed: Shadowed) -> None:
    job = await shadowed.transcribed()
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE)
        before = await shadowed.shadow()
        calls = len(shadowed.engine.calls)
        await shadowed.published(job)  # told twice of the same transcript
        order = await shadowed.orders.job_of(KEY)
        assert order is not None
        assert order.state is JobState.DONE, "it needs no second shadow"
        await shadowed.world.queue.forget(KEY)
        async with shadowed.world.worker(
            replace(SETTINGS, chunking=replace(SETTINGS.chunking, chunk_s=6.0)),
            published=shadowed.published,
        ):
            await shadowed.world.queue.submit(job)
            await shadowed.world.job(JobState.DONE)
        async with asyncio.timeout(20.0):
            while (await shadowed.shadow()).made_at == before.made_at:
                await asyncio.sleep(0.01)
    after = await shadowed.shadow()
    assert (after.revision != before.revision, after.stale) == (True, False)
    assert len(shadowed.engine.calls) == 2 * calls
    assert [one.key for one in (await shadowed.world.transcripts.shadows("acme")).shadows] == [KEY]


async def test_a_transcript_written_anew_while_its_order_is_at_work_is_compared_anew(
    shadowed: Shadowed,
) -> None:
    """Between the one shadow, which was compared, and the other, which is still heard."""
    shadowed.wishes["acme"] = Wishes(shadow_live_engine="other")
    job = await shadowed.transcribed()
    world, first_made, go_on = shadowed.world, asyncio.Event(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def waiting(use: Use, name: str) -> AsyncIterator[ShadowEar]:
        if use is Use.SHADOW_LIVE:
            first_made.set()
            await go_on.wait()
        async with shadowed.ear(use, name) as ear:
            yield ear

    carriers = ShadowCarriers(shadowed.orders, world.queue, world.transcripts, world.store)
    worker = ShadowWorker(carriers, waiting, shadowed.policy, SETTINGS, shadowed.done)
    async with running(worker.run()):
        await first_made.wait()
        await world.queue.forget(KEY)
        async with world.worker(
            replace(SETTINGS, chunking=replace(SETTINGS.chunking, chunk_s=6.0)),
            published=shadowed.published,
        ):
            await world.queue.submit(job)
            await world.job(JobState.DONE)
        assert (await shadowed.shadow()).stale
        go_on.set()
        await shadowed.order(JobState.DONE)
    made = (await world.transcripts.shadows("acme")).shadows
    assert [(one.pass_, one.stale) for one in made] == [("batch", False), ("live", False)]


async def test_nothing_of_a_shadow_is_in_search_or_transcript(shadowed: Shadowed) -> None:
    await shadowed.transcribed()
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE)
    transcripts = shadowed.world.transcripts
    assert "wrong" in await shadowed.heard()
    assert (await transcripts.search("acme", "wrong")).hits == []
    for version in Version:
        said = [segment.text async for segment in transcripts.segments(KEY, version)]
        assert "wrong" not in " ".join(said)


@pytest.mark.parametrize("use", [Use.SHADOW, Use.SHADOW_LIVE])
async def test_either_pass_hears_it_all_and_waits_before_each_step(
    shadowed: Shadowed, use: Use
) -> None:
    caller = bytes(2 * 5000) + render(900, WORDS, RATE, group=5)  # not in step with the other
    pcm = interleaved(render(0, 3 * WORDS, RATE), caller)
    job = shadowed.world.record(wav(pcm, 2))
    steps, second, again = 0, asyncio.Event(), asyncio.Event()
    waited_s = 0.0

    async def quiet() -> None:
        nonlocal steps, waited_s
        steps += 1
        if steps == 2:
            second.set()
            began = time.perf_counter()
            await again.wait()
            waited_s = time.perf_counter() - began

    path = local_path(shadowed.world.store, job.recording)
    async with open_shadow_ear(Settings(batch_chunk_s=5.0), use, "counter") as ear:
        began = time.perf_counter()
        hearing = asyncio.create_task(ear.hear(path, "en", NOTHING_EXPECTED, quiet))
        async with asyncio.timeout(20.0):
            await second.wait()
        await asyncio.sleep(1.0)
        assert (steps, hearing.done()) == (2, False)
        again.set()
        heard = await hearing
        took_s = time.perf_counter() - began
    for channel, first, count in ((0, 0, 3 * WORDS), (1, 900, WORDS)):
        segments = [segment for segment in heard.segments if segment.channel == channel]
        said = " ".join(segment.text for segment in segments).split()
        assert said == [str(first + number) for number in range(count)]
    numbers = [segment.number for segment in heard.segments]
    assert numbers == list(range(1, len(numbers) + 1))
    assert steps > 2
    assert heard.length_s == pytest.approx(len(pcm) / 4 / RATE)
    assert 0.0 < heard.compute_s <= took_s - waited_s + 0.01, "what it waited is no computing"


async def test_a_shadow_is_told_what_the_tenant_expects(shadowed: Shadowed) -> None:
    shadowed.wishes["acme"] = Wishes(vocabulary="quux")
    await shadowed.transcribed()
    async with shadowed.shadowing():
        await shadowed.order(JobState.DONE)
    assert {sound.expected.terms for sound in shadowed.engine.calls} == {("quux",)}
