"""Utterances that may turn out to be personal data wait; the others do not; none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from twicetold.enrich.redaction import Choice, Decision
from twicetold.live import redacting
from twicetold.live.endpointing import End
from twicetold.live.redacting import Ended, Redaction, Withholding
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


async def decide(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
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
        found.append(Choice(shown, _shown(segment, True), undecided and not secret))
    decided = [s for s, c in zip(held, found, strict=True) if not c.undecided]
    return Decision(tuple(found), _known(said, decided), _known(said, held))


def _known(said: Sequence[Segment], held: Sequence[Segment]) -> str:
    return " ".join(str(each.number) for each in (*said, *held))


def _shown(segment: Segment, secret: bool) -> Segment:
    words = tuple(
        Word(w.start, w.end, "[NUMBER]", redacted="number") if secret and w.text.isdigit() else w
        for w in segment.words
    )
    return Segment(0, segment.channel, 0, 0, " ".join(w.text for w in words), words, safe=True)


Decide = Callable[[Sequence[Segment], Sequence[Segment]], Awaitable[Decision]]


class Told(Withholding):
    """The finals of a call, in the order in which they were stored, and what was kept with them
    for a successor."""

    def __init__(self, before: Sequence[Final] = (), decides: Decide = decide) -> None:
        self.finals: list[tuple[int, int, str]] = []
        self.known: list[str | None] = []
        self.decide = decides  # type: ignore[method-assign]
        self.computed = Computed()
        self.redaction = Redaction(self, self._settle, before, self.computed.add)

    async def _settle(self, ended: Ended, words: tuple[Word, ...], known: str | None) -> None:
        text = " ".join(word.text for word in words)
        self.finals.append((ended.channel, ended.utterance, text))
        self.known.append(known)


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


async def test_it_is_told_then_even_where_the_next_decision_takes_its_time(monkeypatch):
    """By the last one: there is none to be waited for."""
    monkeypatch.setattr(redacting, "LONGEST_HOLD_S", 0.1)
    answers, never = iter([decide]), asyncio.Event()

    async def slow(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        if (answer := next(answers, None)) is None:
            await never.wait()
        assert answer is not None
        return await answer(said, held)

    async with running(Told(decides=slow)) as told:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await told.redaction.put(ended(1, "it is 4 1"))
        await asyncio.sleep(0.02)
        await told.redaction.put(ended(2, "and so on", channel=1, at=began))
        await until(told, 2)
        took = loop.time() - began
    assert told.finals == [(0, 1, "it is [NUMBER] [NUMBER]"), (1, 2, "[WITHHELD]")]
    assert 0.1 <= took < 0.2


async def test_what_nobody_decided_in_time_is_withheld_and_known_all_the_same(monkeypatch):
    monkeypatch.setattr(redacting, "LONGEST_HOLD_S", 0.05)
    gate, seen = asyncio.Event(), []

    async def slow(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        seen.append([each.text for each in (*said, *held)])
        await gate.wait()
        return await decide(said, held)

    async with running(Told(decides=slow)) as told:
        await told.redaction.put(ended(1, "what is your password"))
        await until(told, 1)
        gate.set()
        await told.redaction.put(ended(2, "mango tree"))
        await until(told, 2)
    assert [text for _, _, text in told.finals] == ["[WITHHELD]", "mango tree"]
    assert seen[-1] == ["what is your password", "mango tree"]


async def test_what_cannot_be_decided_is_withheld_and_never_asked_about_again():
    seen: list[list[str]] = []

    async def failing(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        seen.append([each.text for each in (*said, *held)])
        if "poison" in seen[-1]:
            raise RuntimeError("hush: poison")
        return await decide(said, held)

    with capture_logs() as logs:
        async with running(Told(decides=failing)) as told:
            for number, text in enumerate(["hello", "poison", "goodbye"], 1):
                await told.redaction.put(ended(number, text))
                await until(told, number)
    assert [text for _, _, text in told.finals] == ["hello", "[WITHHELD]", "goodbye"]
    assert seen[-1] == ["hello", "goodbye"]
    assert [log["event"] for log in logs] == ["utterances_withheld"]
    assert "poison" not in str(logs)


async def test_a_successor_goes_on_by_what_is_stored_and_by_nothing_that_it_hears_again(
    monkeypatch,
):
    monkeypatch.setattr(redacting, "LONGEST_HOLD_S", 0.1)
    async with running(Told()) as told:
        await told.redaction.put(ended(1, "hello"))
        await until(told, 1)
        await told.redaction.put(ended(2, "it is 4 1"))
        await told.redaction.put(ended(3, "mhm", channel=1))
        await until(told, 3)
    assert [number for _, number, _ in told.finals] == [1, 3, 2]
    assert told.known == ["1", "1 3", "1 2 3"]


async def test_nothing_is_shown_of_a_call_in_another_language():
    async with running(Told(decides=Withholding().decide)) as told:
        await told.redaction.put(ended(1, "meine nummer ist 4"))
        await until(told, 1)
    assert told.finals == [(0, 1, "[WITHHELD]")]
    assert await Withholding().mask((Word(0.0, 1.0, "nummer"),), 0) == ()


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

    async def noting(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        seen.append([segment.text for segment in said])
        return await decide(said, held)

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

    async def slow(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        await gate.wait()
        return await decide(said, held)

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
    async def slow(said: Sequence[Segment], held: Sequence[Segment]) -> Decision:
        return replace(await decide(said, held), compute_s=1.0 * len(held))

    async with running(Told(decides=slow)) as told:
        await told.redaction.put(ended(1, "call 5 5"))  # undecided: once more with the next
        async with asyncio.timeout(5):
            while told.computed.seconds != {"enrichment:redact": 1.0}:
                await asyncio.sleep(0)
        await told.redaction.put(ended(2, "that is all"))
        await until(told, 2)
    assert told.computed.seconds == {"enrichment:redact": 3.0}
