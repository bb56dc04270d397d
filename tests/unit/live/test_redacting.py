"""Utterances that may turn out to be personal data wait; the others do not; none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from twicetold.live import redacting
from twicetold.live.endpointing import End
from twicetold.live.redacting import Decided, Ended, Redaction
from twicetold.speech.computed import Computed
from twicetold.speech.transcript import Final, Segment, Word

pytestmark = pytest.mark.unit


def ended(number: int, text: str, channel: int = 0, at: float | None = None) -> Ended:
    words = tuple(
        Word(number + 0.1 * index, number + 0.1 * index + 0.1, word)
        for index, word in enumerate(text.split())
    )
    moment = asyncio.get_running_loop().time() if at is None else at
    return Ended(channel, number, End(channel, number, 10, 10), None, words, None, "e", moment)


async def decide(before: Sequence[Segment], held: Sequence[Segment]) -> list[Decided]:
    """Stands in for redaction: digits are removed where four or more follow each other in a
    channel, over utterances too; fewer at an end are undecided."""
    found = []
    for index, segment in enumerate(held):
        later = [each for each in held[index + 1 :] if each.channel == segment.channel]
        run = "".join(word.text for word in segment.words if word.text.isdigit())
        run += "".join(w.text for each in later[:1] for w in each.words if w.text.isdigit())
        secret = len(run) >= 4
        shown = _shown(segment, secret)
        undecided = not later and bool(segment.words) and segment.words[-1].text.isdigit()
        found.append(Decided(shown, _shown(segment, True), undecided and not secret))
    return found


def _shown(segment: Segment, secret: bool) -> Segment:
    words = tuple(
        Word(w.start, w.end, "[NUMBER]", redacted="number") if secret and w.text.isdigit() else w
        for w in segment.words
    )
    return Segment(0, segment.channel, 0, 0, " ".join(w.text for w in words), words, safe=True)


class Told:
    """The finals of a call, in the order in which they were stored."""

    def __init__(self, before: Sequence[Final] = (), decides: redacting.Decide = decide) -> None:
        self.finals: list[tuple[int, int, str]] = []
        self.computed = Computed()
        self.redaction = Redaction(decides, self._settle, before, self.computed.add)

    async def _settle(self, ended: Ended, words: tuple[Word, ...]) -> None:
        text = " ".join(word.text for word in words)
        self.finals.append((ended.channel, ended.utterance, text))


@asynccontextmanager
async def running(told: Told) -> AsyncIterator[Told]:
    task = asyncio.create_task(told.redaction.run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(told: Told, count: int) -> None:
    async with asyncio.timeout(5):
        while len(told.finals) < count:
            await asyncio.sleep(0)


async def test_what_is_decided_is_told_at_once():
    async with running(Told()) as told:
        await told.redaction.put(ended(1, "good morning"))
        await told.redaction.put(ended(2, "it is 4 1 5 5 thanks"))
        await until(told, 2)
    assert told.finals == [
        (0, 1, "good morning"),
        (0, 2, "it is [NUMBER] [NUMBER] [NUMBER] [NUMBER] thanks"),
    ]


async def test_a_number_over_two_utterances_is_removed_from_both():
    async with running(Told()) as told:
        await told.redaction.put(ended(1, "it is 4 1"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert told.finals == []
        await told.redaction.put(ended(2, "5 5 thanks"))
        await until(told, 2)
    assert [text for _, _, text in told.finals] == [
        "it is [NUMBER] [NUMBER]",
        "5 5 thanks",  # of the double, which looks ahead alone
    ]


async def test_another_channel_does_not_wait_and_a_channel_stays_in_order():
    async with running(Told()) as told:
        await told.redaction.put(ended(1, "it is 4 1", channel=0))
        await told.redaction.put(ended(1, "mhm", channel=1))
        await until(told, 1)
        assert told.finals == [(1, 1, "mhm")]
        await told.redaction.put(ended(2, "and 3", channel=0))
        await told.redaction.put(ended(3, "only kidding", channel=0))
        await until(told, 4)
    assert [number for channel, number, _ in told.finals if channel == 0] == [1, 2, 3]


async def test_what_waits_too_long_is_told_without_its_end(monkeypatch):
    monkeypatch.setattr(redacting, "LONGEST_HOLD_S", 0.05)
    async with running(Told()) as told:
        await told.redaction.put(ended(1, "it is 4 1"))
        await until(told, 1)
    assert told.finals == [(0, 1, "it is [NUMBER] [NUMBER]")]


async def test_at_the_end_nothing_is_left_and_nothing_more_can_follow():
    async with running(Told()) as told:
        await told.redaction.put(ended(1, "it is 4 1"))
        async with asyncio.timeout(5):
            await told.redaction.flush()
    assert told.finals == [(0, 1, "it is 4 1")]


async def test_flushing_with_nothing_held_returns():
    async with running(Told()) as told, asyncio.timeout(5):
        await told.redaction.flush()


async def test_what_was_said_before_is_known_with_all_its_words():
    seen: list[list[str]] = []

    async def noting(before: Sequence[Segment], held: Sequence[Segment]) -> list[Decided]:
        seen.append([segment.text for segment in before])
        return await decide(before, held)

    final = Final(1, 0, 1, 0.0, 1.0, "what is your number", (Word(0.0, 1.0, "what"),))
    async with running(Told([final], noting)) as told:
        await told.redaction.put(ended(2, "4 1 5 5"))
        await until(told, 1)
        await told.redaction.put(ended(3, "thanks"))
        await until(told, 2)
    assert seen[-1] == ["what is your number", "4 1 5 5"]


async def test_whoever_speaks_faster_than_redaction_decides_waits(monkeypatch):
    monkeypatch.setattr(redacting, "_MOST_HELD", 2)
    gate = asyncio.Event()

    async def slow(before: Sequence[Segment], held: Sequence[Segment]) -> list[Decided]:
        await gate.wait()
        return await decide(before, held)

    async with running(Told(decides=slow)) as told:
        await told.redaction.put(ended(1, "one"))
        await told.redaction.put(ended(2, "two"))
        third = asyncio.create_task(told.redaction.put(ended(3, "three")))
        await asyncio.sleep(0.02)
        assert not third.done()
        gate.set()
        async with asyncio.timeout(5):
            await third
        await until(told, 3)
    assert [number for _, number, _ in told.finals] == [1, 2, 3]


async def test_an_utterance_that_failed_goes_its_way():
    async with running(Told()) as told:
        failed = Ended(0, 1, End(0, 1, 10, 10), None, (), (1.0, 2.0), "e", 0.0)
        await told.redaction.put(failed)
        await until(told, 1)
    assert told.finals == [(0, 1, "")]


async def test_each_time_that_an_utterance_is_decided_counts():
    async def slow(before: Sequence[Segment], held: Sequence[Segment]) -> list[Decided]:
        return [replace(each, compute_s=1.0) for each in await decide(before, held)]

    async with running(Told(decides=slow)) as told:
        await told.redaction.put(ended(1, "call 5 5"))  # undecided: once more with the next
        async with asyncio.timeout(5):
            while told.computed.seconds != {"enrichment:redact": 1.0}:
                await asyncio.sleep(0)
        await told.redaction.put(ended(2, "that is all"))
        await until(told, 2)
    assert told.computed.seconds == {"enrichment:redact": 3.0}
