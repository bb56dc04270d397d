"""Enrichment on real files and processes: kept apart, failing closed, redacted in sound too."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.integration.batch_world import KEY, RATE, World, a_world, wav
from tests.unit.batch.doubles import Here, interleaved

from twicetold.batch.enriching import Enriching
from twicetold.batch.leftovers import Leftovers
from twicetold.batch.originals import Originals
from twicetold.config import Settings
from twicetold.engines.counter import render
from twicetold.enrich.apart import Apart
from twicetold.enrich.attributing import NameSpeakers
from twicetold.enrich.steps import Facts, Known, Packed, Step, apply_packed
from twicetold.errors import EnrichmentFailed, RedactionUnavailable, SettingError
from twicetold.queue import Job, JobState
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Word
from twicetold.speech.turns import Turn
from twicetold.storage import checkpoint_key, local_path, redacted_key
from twicetold.tenants import Tenants
from twicetold.transcripts import Status, Version
from twicetold.transcripts.usage import UsageFilter, UsageGroup
from twicetold.wiring.enriching import enrichers

pytestmark = pytest.mark.integration

FACTS = Facts("en", 10.0, 1)
NOTHING_SAID = Packed.of(Known(()))


@dataclass(frozen=True)
class TakesSevens:
    """Stands in for redaction: numbers that hold a seven are the personal data of these tests."""

    name: str = "redact"
    settings: str = "7"
    closed: bool = True
    error: Exception | None = None

    def apply(self, known: Known, facts: Facts) -> Known:
        if self.error is not None:
            raise self.error
        removed = [
            {"kind": "seven", "start": word.start, "end": word.end, "channel": segment.channel}
            for segment in known.segments
            for word in segment.words
            if "7" in word.text
        ]
        segments = []
        for segment in known.segments:
            words = tuple(map(_without_seven, segment.words))
            text = " ".join(word.text for word in words)
            segments.append(replace(segment, words=words, text=text, safe=True))
        return Known(tuple(segments), {**known.insights, "removed": removed})


def _without_seven(word: Word) -> Word:
    return replace(word, text="[SEVEN]", redacted="seven") if "7" in word.text else word


@dataclass(frozen=True)
class Tells:
    """Says which process it is applied in; or kills it, or takes its time."""

    name: str = "tells"
    settings: str = ""
    closed: bool = False
    kill: bool = False
    sleep_s: float = 0.0

    def apply(self, known: Known, facts: Facts) -> Known:
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.sleep_s)
        return known.with_insight("process", os.getpid())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


@pytest.fixture
def apart() -> AsyncIterator[Apart]:
    made = Apart()
    yield made
    made.close()


# --- a process of its own -------------------------------------------------------------------


async def test_steps_are_applied_in_another_process_that_stays(apart):
    first = await apart.apply(Tells(), NOTHING_SAID, FACTS)
    second = await apart.apply(Tells(), NOTHING_SAID, FACTS)
    assert first.insights["process"] == second.insights["process"] != os.getpid()


async def test_an_error_comes_across_as_it_is(apart):
    refusal = RedactionUnavailable("No recognisers for tlh.", "Learn it.")
    with pytest.raises(RedactionUnavailable) as caught:
        await apart.apply(TakesSevens(error=refusal), NOTHING_SAID, FACTS)
    assert caught.value.to_dict() == refusal.to_dict()


@pytest.mark.slow
async def test_a_process_that_dies_is_replaced_and_a_deadly_step_given_up(apart):
    with pytest.raises(EnrichmentFailed, match="tells died 2 times"):
        await apart.apply(Tells(kill=True), NOTHING_SAID, FACTS)
    known = await apart.apply(Tells(), NOTHING_SAID, FACTS)
    assert "process" in known.insights


async def test_closing_ends_it_in_the_middle_of_a_step(apart):
    process = (await apart.apply(Tells(), NOTHING_SAID, FACTS)).insights["process"]
    running = asyncio.create_task(apart.apply(Tells(sleep_s=30.0), NOTHING_SAID, FACTS))
    await asyncio.sleep(0.2)
    apart.close()
    await until_gone(process)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.slow
async def test_whoever_waits_behind_a_step_that_is_given_up_is_served_all_the_same(apart):
    """As of two calls, one of which has waited too long for its words."""
    await apart.apply(Tells(), NOTHING_SAID, FACTS)
    stuck = asyncio.create_task(apart.apply(Tells(sleep_s=30.0), NOTHING_SAID, FACTS))
    await asyncio.sleep(0.2)
    waiting = [asyncio.create_task(apart.apply(Tells(), NOTHING_SAID, FACTS)) for _ in range(4)]
    await asyncio.sleep(0.2)
    stuck.cancel()
    apart.close()
    async with asyncio.timeout(40):
        served = await asyncio.gather(*waiting)
    assert all("process" in packed.insights for packed in served)
    await asyncio.gather(stuck, return_exceptions=True)


@pytest.mark.slow
async def test_what_hangs_is_ended_and_costs_who_waits_behind_it_nothing(apart):
    await apart.call("warm", os.getpid)
    hangs = [apart.call("hangs", time.sleep, 60.0, within_s=0.5) for _ in range(3)]
    served = [apart.call("waits", os.getpid, within_s=30.0) for _ in range(3)]
    async with asyncio.timeout(100):
        told = await asyncio.gather(*hangs, *served, return_exceptions=True)
    assert [type(each) for each in told] == [EnrichmentFailed] * 3 + [int] * 3


@pytest.mark.slow
async def test_a_death_counts_against_what_was_at_work_alone(apart):
    deadly = [apart.apply(Tells(kill=True), NOTHING_SAID, FACTS) for _ in range(2)]
    served = [apart.apply(Tells(), NOTHING_SAID, FACTS) for _ in range(2)]
    async with asyncio.timeout(100):
        told = await asyncio.gather(*deadly, *served, return_exceptions=True)
    assert [isinstance(each, EnrichmentFailed) for each in told] == [True, True, False, False]


@pytest.mark.slow
async def test_it_does_not_outlive_a_killed_server(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(
        "import asyncio, time\n"
        "from tests.integration.test_enrichment import FACTS, NOTHING_SAID, Tells\n"
        "from twicetold.enrich.apart import Apart\n"
        "async def main():\n"
        "    known = await Apart().apply(Tells(), NOTHING_SAID, FACTS)\n"
        "    print(known.insights['process'], flush=True)\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(script)]
    server = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert server.stdout is not None
    process = int(await server.stdout.readline())
    server.kill()
    await server.wait()
    await until_gone(process)


async def until_gone(process: int) -> None:
    async with asyncio.timeout(20.0):
        while _runs(process):
            await asyncio.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


# --- in the batch pass ----------------------------------------------------------------------


async def test_a_call_is_redacted_in_words_and_sound(world, apart):
    sound = render(0, 40, RATE)
    enriching = Enriching((TakesSevens(),), apart.apply, cover="silence")
    await world.begin()
    await world.queue.submit(world.record(wav(sound)))
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    segments = [one async for one in world.transcripts.segments(KEY, Version.CANONICAL)]
    said = [word.text for segment in segments for word in segment.words]
    assert said.count("[SEVEN]") == 4
    assert not any("7" in word for word in said)
    assert all(segment.safe for segment in segments)
    insights = await world.transcripts.insights(KEY)
    assert insights is not None
    assert [each["kind"] for each in insights["removed"]] == ["seven"] * 4
    original = np.frombuffer(sound, "<i2")
    body = local_path(world.store, redacted_key(KEY)).read_bytes()
    assert body.startswith(b"RIFF")
    redacted = np.frombuffer(body[44:], "<i2")
    assert len(redacted) == len(original)
    for each in insights["removed"]:
        assert not redacted[int(each["start"] * RATE) : int(each["end"] * RATE)].any()
    assert np.array_equal(redacted[: int(0.5 * RATE)], original[: int(0.5 * RATE)])
    assert not world.checkpoints()


async def test_redaction_that_fails_publishes_nothing(world, apart):
    refusal = RedactionUnavailable("No recognisers for tlh.")
    enriching = Enriching((TakesSevens(error=refusal),), apart.apply, cover="beep")
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 20, RATE))))
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.FAILED)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert (call.status, call.error_code) == (Status.FAILED, "redaction_unavailable")
    assert call.canonical_revision is None
    assert not local_path(world.store, redacted_key(KEY)).exists()


@pytest.mark.slow
async def test_a_stage_that_fails_costs_the_transcript_nothing(world, apart):
    enriching = Enriching((Tells(kill=True), TakesSevens()), apart.apply, cover="beep")
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 20, RATE))))
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    insights = await world.transcripts.insights(KEY)
    assert insights is not None
    assert insights["failed_stages"] == [{"stage": "tells", "code": "enrichment_failed"}]
    assert len(insights["removed"]) == 2


async def test_the_words_of_a_stand_in_leave_nothing_unredacted_behind(world, apart, monkeypatch):
    """Its checkpoints hold them; the engine that is wanted has others."""
    from twicetold.batch import attempt as module

    enriching = Enriching((TakesSevens(),), apart.apply, cover="silence")
    made = module.Attempt.__init__

    def provisional(self, *arguments, **options):
        made(self, *arguments, **{**options, "provisional": True})

    monkeypatch.setattr(module.Attempt, "__init__", provisional)
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 20, RATE))))
    async with world.worker(enriching=lambda tenant, language: enriching):
        async with asyncio.timeout(20.0):
            while (await world.transcripts.call(KEY)).status is not Status.DONE:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        assert not world.checkpoints()


# --- how long the original is kept ----------------------------------------------------------


@pytest.mark.parametrize(("keep_s", "goes"), [(None, False), (3600.0, False), (0.0, True)])
async def test_an_original_goes_when_its_tenant_wants_it(world, apart, keep_s, goes):
    enriching = Enriching((TakesSevens(),), apart.apply, cover="silence")
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    await world.queue.submit(job)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    originals = Originals(
        world.store, world.transcripts, world.queue, lambda tenant: keep_s, 3600.0
    )
    assert await originals.sweep() == (1 if goes else 0)
    assert local_path(world.store, job.recording).exists() is not goes
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert call.recording == (redacted_key(KEY) if goes else job.recording)
    assert local_path(world.store, redacted_key(KEY)).exists()
    assert await originals.sweep() == 0


async def test_an_original_stays_until_its_words_are_published(world):
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    covered = local_path(world.store, redacted_key(KEY))
    covered.parent.mkdir(parents=True)
    covered.write_bytes(b"written by an attempt that was killed before it published")
    originals = Originals(world.store, world.transcripts, world.queue, lambda tenant: 0.0, 3600.0)
    assert await originals.sweep() == 0
    assert local_path(world.store, job.recording).exists()


async def test_an_original_stays_beside_words_that_redaction_has_not_seen(world, apart):
    """Redaction was on, and is not any more: the redacted recording is not of these words."""
    enriching = Enriching((TakesSevens(),), apart.apply, cover="silence")
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    await world.queue.submit(job)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    await world.queue.again(KEY)
    async with world.worker():
        await world.job(JobState.DONE)
    originals = Originals(world.store, world.transcripts, world.queue, lambda tenant: 0.0, 3600.0)
    assert await originals.sweep() == 0
    assert local_path(world.store, job.recording).exists()


# --- what jobs leave behind --------------------------------------------------------------------


async def test_a_job_that_is_refused_leaves_nothing_of_earlier_attempts(world):
    """Redaction was set to what nobody can tell, while a worker had heard some of it."""
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    world.store.put(checkpoint_key(KEY, job.content, "plan", 0), b"as it was said")
    await world.queue.submit(job)

    def refused(tenant: str, language: str) -> Enriching:
        raise SettingError("redact got what there is not.")

    async with world.worker(enriching=refused):
        await world.job(JobState.FAILED)
    assert not world.checkpoints()


async def test_a_failed_job_goes_on_where_it_was_unless_its_words_are_redacted(world):
    job = world.record(wav(render(0, 20, RATE)))
    world.store.put(checkpoint_key(KEY, job.content, "plan", 0), b"as it was said")
    await world.queue.submit(job)
    leftovers = {
        redacts: Leftovers(world.store, world.queue, lambda tenant, it=redacts: it, 3600.0)
        for redacts in (False, True)
    }
    lease = await world.queue.claim()
    assert [await each.sweep() for each in leftovers.values()] == [0, 0]
    await lease.fail("engine_failed", "It gave no answer.")
    assert await leftovers[False].sweep() == 0
    assert world.checkpoints()
    assert await leftovers[True].sweep() == 1
    assert not world.checkpoints()


async def test_what_was_written_late_goes_with_the_next_sweep(world):
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    await world.queue.submit(job)
    async with world.worker():
        await world.job(JobState.DONE)
    world.store.put(checkpoint_key(KEY, job.content, "plan", 0), b"as it was said")
    leftovers = Leftovers(world.store, world.queue, lambda tenant: False, 3600.0)
    assert await leftovers.sweep() == 1
    assert not world.checkpoints()
    assert await leftovers.sweep() == 0


# --- stopped in a stage, and gone on with ------------------------------------------------------

STAGES = ("speakers", "redact", "metrics", "sentiment", "rules", "lead")


async def made_of(world: World, job: Job, enriching: Enriching) -> tuple[object, ...]:
    """The call as one attempt leaves it, through to its end."""
    await world.begin(job.key)
    await world.queue.submit(job)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE, job.key)
    return await found_of(world, job)


async def found_of(world: World, job: Job) -> tuple[object, ...]:
    segments = [one async for one in world.transcripts.segments(job.key, Version.CANONICAL)]
    page = await world.transcripts.usage(UsageFilter(job.key.tenant), [UsageGroup.CALL])
    audio = [
        (line.passes, round(line.audio_s, 3))
        for line in page.lines
        if line.group[UsageGroup.CALL] == job.key.call_id
    ]
    covered = local_path(world.store, redacted_key(job.key)).read_bytes()
    return segments, await world.transcripts.insights(job.key), covered, audio


async def computed_by_stage(world: World, key: CallKey) -> dict[str, float]:
    """Of the stages that computed for a call. They are no passes, and no attempts."""
    by = [UsageGroup.CALL, UsageGroup.PASS, UsageGroup.ENGINE, UsageGroup.MODEL]
    found = {}
    for line in (await world.transcripts.usage(UsageFilter(key.tenant), by)).lines:
        call, pass_, engine, model = line.group.values()
        if (call, engine) == (key.call_id, "enrichment"):
            assert (pass_, line.passes, line.attempts, line.audio_s) == ("batch", 0, 0, 0.0)
            found[model] = line.compute_s
    assert set(found) == set(STAGES)
    return found


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.slow
async def test_a_job_that_stops_in_a_stage_goes_on_to_the_same_transcript(
    world, apart, tmp_path, stage
):
    tenants = Tenants(tmp_path / "tenants.toml")
    settings = Settings(
        data_dir=tmp_path, batch_niceness=0, redact="all", rules="default", lead_rubric="default"
    )
    sound = wav(render(0, 30, RATE))
    async with enrichers(settings, tenants) as found:
        enriching = found.batch(KEY.tenant, "en")
        assert tuple(step.name for step in enriching.steps) == STAGES
        undisturbed = await made_of(world, world.record(sound), enriching)
        names: list[str] = []
        reached = asyncio.Event()

        async def deadly(step: Step, packed: Packed, facts: Facts) -> Packed:
            names.append(step.name)
            if step.name == stage and names.count(stage) == 1:
                reached.set()
                await asyncio.Event().wait()
            assert enriching.apply is not None
            return replace(await enriching.apply(step, packed, facts), compute_s=1.0)

        job = world.record(sound, CallKey("acme", "call-2"))
        await world.begin(job.key)
        await world.queue.submit(job)
        dying = Enriching(enriching.steps, deadly, enriching.cover, enriching.diarizer)
        async with world.worker(enriching=lambda tenant, language: dying), asyncio.timeout(40):
            await reached.wait()
        async with world.worker(enriching=lambda tenant, language: dying):
            await world.job(JobState.DONE, job.key)
    assert names == [*STAGES[: STAGES.index(stage) + 1], *STAGES[STAGES.index(stage) :]]
    assert await found_of(world, job) == undisturbed
    assert undisturbed[3] == [(1, round(len(render(0, 30, RATE)) / 2 / RATE, 3))]
    assert all(0.0 < seconds < 60.0 for seconds in (await computed_by_stage(world, KEY)).values())
    # By both attempts together, each stage as often as it came to something.
    computed = await computed_by_stage(world, job.key)
    assert computed.pop("speakers") > 1.0  # each attempt has heard its sound, to tell voices apart
    assert computed == dict.fromkeys(STAGES[1:], 1.0)


# --- who speaks -----------------------------------------------------------------------------


class Alternates:
    """Stands in for a diarizer: somebody else speaks each second, and it counts what it hears."""

    name = "alternates"

    def __init__(self, error: Exception | None = None) -> None:
        self.heard_s, self.finished, self._error = 0.0, False, error

    def start(self, rate: int) -> Alternates:
        self._rate = rate
        return self

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        if self._error is not None and self.heard_s > 2:
            raise self._error
        self.heard_s += len(pcm) / 2 / self._rate

    def finish(self) -> list[Turn]:
        self.finished = True
        seconds = range(int(self.heard_s) + 1)
        return [Turn(float(at), at + 1.0, str(at % 2 + 1)) for at in seconds]


async def spoken_by(world: World, sound: bytes, channels: int, diarizer: Alternates):
    async def here(step: Step, packed: Packed, facts: Facts) -> Packed:
        return apply_packed(step, packed, facts)

    enriching = Enriching((NameSpeakers("alternates"),), here, diarizer=Here(diarizer))
    await world.begin()
    await world.queue.submit(world.record(wav(sound, channels)))
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    segments = [one async for one in world.transcripts.segments(KEY, Version.CANONICAL)]
    return segments, await world.transcripts.insights(KEY)


async def test_voices_on_one_channel_are_told_apart(world):
    diarizer, sound = Alternates(), render(0, 40, RATE)
    segments, insights = await spoken_by(world, sound, 1, diarizer)
    assert diarizer.heard_s == pytest.approx(len(sound) / 2 / RATE)
    assert insights["speakers"]["method"] == "alternates"
    assert [int(word.text) for each in segments for word in each.words] == list(range(40))
    assert len({each.speaker for each in segments}) == 2
    assert len(segments) > 5


async def test_channels_that_differ_are_people_of_their_own(world):
    diarizer = Alternates()
    sound = interleaved(render(0, 20, RATE), bytes(2 * 5000) + render(500, 20, RATE))
    segments, insights = await spoken_by(world, sound, 2, diarizer)
    assert not diarizer.finished
    assert insights["speakers"]["method"] == "channels"
    assert len({(each.channel, each.speaker) for each in segments}) == 2


async def test_the_same_sound_on_both_channels_is_told_apart_by_voice(world):
    sound = render(0, 20, RATE)
    _, insights = await spoken_by(world, interleaved(sound, sound), 2, Alternates())
    assert insights["speakers"]["method"] == "alternates"


async def test_a_diarizer_that_fails_costs_the_words_nothing(world):
    broken = Alternates(ValueError("of no use"))
    segments, insights = await spoken_by(world, render(0, 30, RATE), 1, broken)
    assert insights["failed_stages"] == [{"stage": "speakers", "code": "internal_error"}]
    assert [int(word.text) for each in segments for word in each.words] == list(range(30))


async def test_an_original_stays_while_a_job_is_to_read_it(world, apart):
    """Of a job that is done again; or that was cut short between its switch and its end."""
    enriching = Enriching((TakesSevens(),), apart.apply, cover="silence")
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    await world.queue.submit(job)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    originals = Originals(world.store, world.transcripts, world.queue, lambda tenant: 0.0, 3600.0)
    await world.queue.again(KEY)
    assert await originals.sweep() == 0
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    newer = local_path(world.store, job.recording).with_suffix(".mp3")
    newer.write_bytes(b"dropped since")
    os.utime(newer, (time.time() + 60, time.time() + 60))
    assert await originals.sweep() == 1
    assert not local_path(world.store, job.recording).exists()
    assert newer.exists()


async def test_what_stands_needs_no_recording_to_come_to_its_end(world, apart):
    enriching = Enriching((TakesSevens(),), apart.apply, cover="silence")
    job = world.record(wav(render(0, 20, RATE)))
    await world.begin()
    await world.queue.submit(job)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    await world.queue.again(KEY)
    local_path(world.store, job.recording).unlink()
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert call.status is Status.DONE


async def test_a_job_that_fails_for_good_leaves_no_words_that_nobody_may_read(world, apart):
    refusal = RedactionUnavailable("No recognisers for tlh.")
    enriching = Enriching((TakesSevens(error=refusal),), apart.apply, cover="beep")
    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 20, RATE))))
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.FAILED)
        async with asyncio.timeout(20):
            while world.checkpoints():
                await asyncio.sleep(0.02)


async def test_settings_of_no_use_fail_the_job_where_people_see_it(world):
    def refused(tenant: str, language: str) -> Enriching:
        raise SettingError("redact got 'phnoe'.")

    await world.begin()
    await world.queue.submit(world.record(wav(render(0, 20, RATE))))
    async with world.worker(enriching=refused):
        await world.job(JobState.FAILED)
    call = await world.transcripts.call(KEY)
    assert call is not None
    assert call.error_code == "bad_setting"
