"""Voices told apart in a process of their own: it is killed, hangs, or stops with the job."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.integration.batch_world import KEY, RATE, World, a_world, wav
from tests.unit.batch.doubles import interleaved
from tests.unit.enrich.speakers.test_gmm import diarized, talk

from twicetold.batch.enriching import Enriching
from twicetold.batch.stages import Decode, Transcribe
from twicetold.engines.counter import render
from twicetold.enrich.apart import Apart
from twicetold.enrich.attributing import NameSpeakers
from twicetold.enrich.speakers import open_diarizer
from twicetold.enrich.speakers.elsewhere import DiarizerElsewhere
from twicetold.queue import JobState
from twicetold.speech.identity import CallKey
from twicetold.speech.turns import Turn
from twicetold.transcripts import Version

# Processes begin once or twice in each, which on a busy machine takes its time.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SOUND = render(0, 120, RATE)
OTHER = CallKey("acme", "call-2")
NEXT = CallKey("acme", "call-3")


class Alternates:
    """In the other process: somebody else speaks each second. ``trouble`` is made of the first
    recordings that it has heard 12 s of, as often as it says; each leaves a file."""

    name = "alternates"

    def __init__(self, folder: Path, trouble: str = "", times: int = 1) -> None:
        self.folder, self._trouble, self._times = folder, trouble, times

    def start(self, rate: int) -> AlternatesOne:
        (self.folder / f"process-{os.getpid()}").touch()
        return AlternatesOne(self, rate)

    def make_trouble(self) -> None:
        made = len(list(self.folder.glob("trouble-*")))
        if not self._trouble or made >= self._times:
            return
        (self.folder / f"trouble-{made}").write_text(str(os.getpid()))
        if self._trouble == "hang":
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(60)


class AlternatesOne:
    def __init__(self, alternates: Alternates, rate: int) -> None:
        self._alternates, self._rate, self._heard_s = alternates, rate, 0.0

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        self._heard_s += len(pcm) / 2 / self._rate
        if self._heard_s > 12:
            self._alternates.make_trouble()

    def finish(self) -> list[Turn]:
        seconds = range(int(self._heard_s) + 1)
        return [Turn(float(at), at + 1.0, str(at % 2 + 1)) for at in seconds]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.close()


def alternating(apart: Apart, folder: Path, *trouble: Any, within_s: float = 50.0) -> Enriching:
    """What is made of calls whose speakers are told apart there."""

    async def here(step: Any, packed: Any, facts: Any) -> Any:
        from twicetold.enrich.steps import apply_packed

        return apply_packed(step, packed, facts)

    opened = partial(Alternates, folder, *trouble)
    diarizer = DiarizerElsewhere("alternates", "alternates", opened, apart, within_s)
    return Enriching((NameSpeakers("alternates"),), here, diarizer=diarizer)


async def submit(world: World, key: CallKey, sound: bytes = SOUND, channels: int = 1) -> None:
    await world.begin(key)
    await world.queue.submit(world.record(wav(sound, channels), key))


async def told(world: World, key: CallKey) -> tuple[list[Any], dict[str, Any]]:
    segments = [one async for one in world.transcripts.segments(key, Version.CANONICAL)]
    insights = await world.transcripts.insights(key)
    assert insights is not None
    assert [int(w.text) for each in segments for w in each.words] == list(range(120))
    return segments, dict(insights)


def trouble_of(folder: Path) -> list[int]:
    return [int(path.read_text() or 0) for path in sorted(folder.glob("trouble-*"))]


def process_ids_of(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("process-")) for path in folder.glob("process-*")]


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(100.0):
        while not true():
            await asyncio.sleep(0.02)


def runs(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def speakers_of(world: World, key: CallKey) -> list[tuple[float, str | None]]:
    return [(each.start, each.speaker) for each in (await told(world, key))[0]]


# --- the same as here -----------------------------------------------------------------------------


@pytest.mark.slow
async def test_the_turns_are_those_that_would_be_found_here(apart: Apart):
    pcm, speech, _ = talk(4)
    opened = partial(open_diarizer, "gmm", stretch_s=40.0)
    session = DiarizerElsewhere("gmm", "gmm", opened, apart).start(RATE)
    for second in range(0, len(pcm), 2 * RATE):
        at = second // (2 * RATE)
        frames = slice(
            int(at / 0.032), int((at + 1) / 0.032) if second + 2 * RATE < len(pcm) else None
        )
        session.accept(pcm[second : second + 2 * RATE], speech[frames])
        await session.hand_on()
    found = await session.finish()
    assert found == diarized(pcm, speech, stretch_s=40.0)
    assert {turn.speaker for turn in found} == {"1", "2"}


def test_a_server_does_not_load_what_computes_there(tmp_path: Path):
    script = tmp_path / "server.py"
    script.write_text(
        "import asyncio, sys\n"
        "from twicetold.wiring.diarizers import Voices\n"
        "async def main():\n"
        "    voices = Voices()\n"
        "    await voices.prove('auto')\n"
        "    session = voices.of('auto').start(8000)\n"
        "    session.accept(bytes(16000 * 12), [0.9] * 375)\n"
        "    await session.hand_on()\n"
        "    print(len(await session.finish()), sorted({'scipy', 'numpy'} & sys.modules.keys()))\n"
        "    voices.close()\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=50)
    assert (said.stdout, said.stderr) == ("1 []\n", "")


async def test_channels_that_differ_begin_no_process(world: World, apart: Apart, tmp_path: Path):
    enriching = alternating(apart, tmp_path)
    await submit(world, KEY, interleaved(SOUND, bytes(2 * len(SOUND) // 2)), 2)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
    assert process_ids_of(tmp_path) == []


# --- killed, hung, stopped ------------------------------------------------------------------------


@pytest.mark.slow
async def test_killed_in_the_middle_of_a_call_it_is_told_all_the_same(
    world: World, apart: Apart, tmp_path: Path
):
    enriching = alternating(apart, tmp_path, "wait")
    async with world.worker(enriching=lambda tenant, language: enriching):
        await submit(world, KEY)
        await until(lambda: any(trouble_of(tmp_path)))
        os.kill(trouble_of(tmp_path)[0], signal.SIGKILL)
        await world.job(JobState.DONE)
        await submit(world, NEXT)
        await world.job(JobState.DONE, NEXT)
    _, insights = await told(world, KEY)
    assert insights["speakers"]["method"] == "alternates"
    assert "failed_stages" not in insights
    assert await speakers_of(world, KEY) == await speakers_of(world, NEXT)
    assert len(process_ids_of(tmp_path)) == 2


async def test_killed_between_two_calls_nothing_is_lost(
    world: World, apart: Apart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def never(*_: object) -> None:
        raise AssertionError("nothing was lost")

    monkeypatch.setattr(Decode, "hear_again", never)
    enriching = alternating(apart, tmp_path)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await submit(world, KEY)
        await world.job(JobState.DONE)
        [process] = process_ids_of(tmp_path)
        os.kill(process, signal.SIGKILL)
        await until(lambda: not runs(process))
        await submit(world, NEXT)
        await world.job(JobState.DONE, NEXT)
    assert await told(world, KEY) == await told(world, NEXT)
    assert len(process_ids_of(tmp_path)) == 2


@pytest.mark.slow
async def test_killed_again_the_words_stand_alone_and_the_next_call_has_speakers(
    world: World, apart: Apart, tmp_path: Path
):
    enriching = alternating(apart, tmp_path, "wait", 2)
    async with world.worker(enriching=lambda tenant, language: enriching):
        await submit(world, KEY)
        for count in (1, 2):
            await until(lambda count=count: len(trouble_of(tmp_path)) == count)
            await until(lambda: all(trouble_of(tmp_path)))
            os.kill(trouble_of(tmp_path)[-1], signal.SIGKILL)
        await world.job(JobState.DONE)
        await submit(world, NEXT)
        await world.job(JobState.DONE, NEXT)
    segments, insights = await told(world, KEY)
    assert insights["failed_stages"] == [{"stage": "speakers", "code": "enrichment_failed"}]
    assert {each.speaker for each in segments} == {None}
    assert "failed_stages" not in (await told(world, NEXT))[1]


@pytest.mark.slow
async def test_one_that_hangs_is_ended_and_costs_no_other_call_its_speakers(
    world: World, apart: Apart, tmp_path: Path
):
    enriching = alternating(apart, tmp_path, "hang", within_s=6.0)
    await enriching.diarizer.prove()  # it begins, however busy the machine is
    async with world.worker(enriching=lambda tenant, language: enriching):
        await submit(world, KEY)
        await until(lambda: any(trouble_of(tmp_path)))
        await submit(world, OTHER)
        await world.job(JobState.DONE)
        await world.job(JobState.DONE, OTHER)
    _, insights = await told(world, KEY)
    assert insights["failed_stages"] == [{"stage": "speakers", "code": "enrichment_failed"}]
    segments, insights = await told(world, OTHER)
    assert "failed_stages" not in insights
    assert len({each.speaker for each in segments}) == 2
    assert not runs(trouble_of(tmp_path)[0])


async def test_a_job_that_is_stopped_goes_on_to_the_same_transcript(
    world: World, apart: Apart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    enriching = alternating(apart, tmp_path)
    transcribed, stop = asyncio.Event(), True
    run = Transcribe.run

    async def stopped(self: Transcribe, transcript: Any) -> None:
        await run(self, transcript)
        if stop:
            transcribed.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(Transcribe, "run", stopped)
    await submit(world, KEY)
    async with world.worker(enriching=lambda tenant, language: enriching), asyncio.timeout(40):
        await transcribed.wait()
    stop = False
    async with world.worker(enriching=lambda tenant, language: enriching):
        await world.job(JobState.DONE)
        await submit(world, NEXT)
        await world.job(JobState.DONE, NEXT)
    assert await told(world, KEY) == await told(world, NEXT)
    assert len(process_ids_of(tmp_path)) == 1


async def test_calls_at_once_share_the_process(world: World, apart: Apart, tmp_path: Path):
    enriching = alternating(apart, tmp_path)
    keys = [CallKey("acme", f"call-{number}") for number in range(4)]
    for key in keys:
        await submit(world, key)
    async with world.worker(enriching=lambda tenant, language: enriching):
        for key in keys:
            await world.job(JobState.DONE, key)
    found = [await speakers_of(world, key) for key in keys]
    assert found == [found[0]] * 4
    assert len(process_ids_of(tmp_path)) == 1
