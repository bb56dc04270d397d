"""Delivery: every final exactly once and in order, whatever is lost and whoever is slow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gateway.doubles import KEY, FakeBroker, FakeCarriers, final, running_call

from twicetold.enrich.wishes import Enrichment
from twicetold.errors import CallDeleted, CallNotFound, SessionLost, Unavailable
from twicetold.gateway.captions import CaptionHub
from twicetold.gateway.delivery import Delivery
from twicetold.speech.events import (
    Caption,
    Done,
    Failed,
    Kind,
    Partial,
    Progress,
    SpeechStarted,
)
from twicetold.speech.events import Status as StatusEvent
from twicetold.transcripts import Status

pytestmark = pytest.mark.unit

Open = Callable[..., Awaitable[Delivery]]


@asynccontextmanager
async def follower(
    carriers: FakeCarriers, broker: FakeBroker, after: int = 0, quiet_s: float = 15.0
) -> AsyncIterator[Delivery]:
    hub = CaptionHub(broker)  # type: ignore[arg-type]
    hub.start()
    delivery = Delivery(carriers, hub, KEY, after, quiet_s=quiet_s)  # type: ignore[arg-type]
    try:
        await delivery.open()
        yield delivery
    finally:
        await delivery.aclose()
        await hub.aclose()


async def until(delivery: Delivery, kind: Kind) -> list[Caption]:
    """Everything up to the first caption of a kind, and what came with it."""
    given: list[Caption] = []
    async with asyncio.timeout(5):
        while not any(caption.kind is kind for caption in given):
            given += await delivery.receive()
    return given


def say(broker: FakeBroker, *captions: Caption) -> None:
    for caption in captions:
        broker.say(caption.to_bytes())


def kinds(captions: list[Caption]) -> list[str]:
    return [f"{c.kind.name} {c.event}" if c.event else c.kind.name for c in captions]


async def test_what_is_stored_comes_first_then_what_is_said() -> None:
    carriers, broker = running_call(), FakeBroker()
    carriers.store(final(1))
    carriers.save_draft()
    carriers.trim()
    carriers.store(final(2))
    async with follower(carriers, broker) as delivery:
        assert kinds(await delivery.receive()) == ["FINAL 1", "FINAL 2"]
        partial = Caption.of(Partial(0, 2, 3.0, 3.2, "num"))
        carriers.store(final(3))
        say(broker, Caption.of(SpeechStarted(0, 2, 3.0)), partial, Caption.of_final(final(3)))
        assert kinds(await delivery.receive()) == ["SPEECH_STARTED", "PARTIAL", "FINAL 3"]
        assert delivery.last_event == 3


async def test_a_final_in_sequence_reads_no_store() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        before = carriers.reads
        for n in range(1, 50):
            say(broker, Caption.of_final(final(n)))
            assert kinds(await delivery.receive()) == [f"FINAL {n}"]
        assert carriers.reads == before


async def test_a_gap_is_filled_from_the_store() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        for n in (1, 2, 3):
            carriers.store(final(n))
        say(broker, Caption.of_final(final(3)), Caption.of_final(final(2)))
        assert kinds(await delivery.receive()) == ["FINAL 1", "FINAL 2", "FINAL 3"]


async def test_a_final_whose_caption_was_lost_is_missed_by_the_next_progress() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker, quiet_s=60.0) as delivery:
        carriers.store(final(1))
        say(broker, Caption.of(Progress(16_000, 16_000, 1)))
        given = await until(delivery, Kind.FINAL)
        assert kinds(given)[0] == "FINAL 1"


async def test_finals_already_seen_are_not_given_again() -> None:
    carriers, broker = running_call(), FakeBroker()
    for n in (1, 2, 3):
        carriers.store(final(n))
    async with follower(carriers, broker, after=2) as delivery:
        assert kinds(await delivery.receive()) == ["FINAL 3"]
        say(broker, Caption.of_final(final(1)), Caption.of_final(final(3)))
        carriers.store(final(4))
        say(broker, Caption.of_final(final(4)))
        assert kinds(await delivery.receive()) == ["FINAL 4"]


async def test_partials_of_settled_utterances_are_left_out_channel_by_channel() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        carriers.store(final(1))
        say(
            broker,
            Caption.of_final(final(1)),
            Caption.of(Partial(0, 0, 1.0, 1.2, "late")),
            Caption.of(SpeechStarted(0, 0, 1.0)),
            Caption.of(Partial(1, 0, 1.0, 1.2, "other channel")),
            Caption.of(Partial(0, 1, 2.0, 2.2, "next")),
            Caption(Kind.PARTIAL, 0, '{"utterance": 1, "channel": 0, "text": "other spelling"}'),
            Caption(Kind.PARTIAL, 0, '{"utterance": 0, "channel": 0, "text": "late too"}'),
        )
        given = await delivery.receive()
        texts = [caption.body()["text"] for caption in given[1:]]
        assert texts == ["other channel", "next", "other spelling"]


async def test_done_waits_for_the_last_final_and_comes_once() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        done = Caption.of(Done(KEY.call_id, 2))
        say(broker, done, Caption.of(Progress(16_000, 16_000)))
        assert kinds(await delivery.receive()) == ["PROGRESS"]
        carriers.store(final(1))
        carriers.store(final(2))
        carriers.close()
        say(broker, Caption.of_final(final(1)), done)
        assert kinds(await until(delivery, Kind.DONE)) == ["FINAL 1", "FINAL 2", "DONE 2"]
        say(broker, done, Caption.of(Progress(32_000, 16_000)))
        assert kinds(await delivery.receive()) == ["PROGRESS"]


async def test_a_call_that_is_over_gives_all_at_once_and_then_how_it_stands() -> None:
    carriers, broker = running_call(), FakeBroker()
    for n in (1, 2):
        carriers.store(final(n))
    carriers.save_draft()
    carriers.trim()
    carriers.close()
    carriers.set_row(status=Status.TRANSCRIBING, ended_at=1_060.0, length_s=60.0)
    async with follower(carriers, broker) as delivery:
        given = await delivery.receive()
        assert kinds(given) == ["FINAL 1", "FINAL 2", "DONE 2", "STATUS"]
        assert given[-1].body()["status"] == "transcribing"
        say(broker, Caption.of(StatusEvent(KEY.call_id, "done", 60.0, 60.0)))
        assert [c.body()["status"] for c in await delivery.receive()] == ["done"]


async def test_a_call_without_a_record_is_followed_by_its_draft() -> None:
    carriers, broker = running_call(), FakeBroker()
    carriers.store(final(1))
    carriers.save_draft()
    carriers.record = None
    carriers.set_row(status=Status.DONE, ended_at=1_060.0)
    async with follower(carriers, broker) as delivery:
        assert kinds(await delivery.receive()) == ["FINAL 1", "DONE 1", "STATUS"]


async def test_an_upload_is_followed_too() -> None:
    carriers, broker = running_call(), FakeBroker()
    carriers.record = None
    carriers.set_row(source="upload", status=Status.RECORDED)
    async with follower(carriers, broker) as delivery:
        assert kinds(await delivery.receive()) == ["DONE", "STATUS"]


async def test_status_before_the_live_pass_ended_is_told_after_it() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        carriers.set_row(status=Status.DONE, ended_at=1_060.0)
        say(broker, Caption.of(StatusEvent(KEY.call_id, "done")), Caption.of(Done(KEY.call_id, 0)))
        assert kinds(await delivery.receive()) == ["DONE", "STATUS"]


async def test_what_is_unknown_or_deleted_is_refused() -> None:
    carriers, broker = running_call(), FakeBroker()
    carriers.record, carriers.call_row = None, None
    with pytest.raises(CallNotFound):
        async with follower(carriers, broker):
            pass
    carriers.is_buried = True
    with pytest.raises(CallDeleted):
        async with follower(carriers, broker):
            pass
    assert not any(listener.keys for listener in broker.listeners)


async def test_a_session_that_vanished_is_said_so() -> None:
    carriers, broker = running_call(), FakeBroker()
    carriers.record = None
    with pytest.raises(SessionLost):
        async with follower(carriers, broker):
            pass


async def test_a_deletion_is_passed_on() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        say(broker, Caption.of(Failed("call_deleted", "gone", "", False)))
        assert kinds(await delivery.receive()) == ["FAILED"]


@pytest.mark.parametrize(("buried", "code"), [(True, "call_deleted"), (False, "session_lost")])
async def test_a_worker_that_misses_the_record_of_a_deleted_call_may_say_so_first(
    buried: bool, code: str
) -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        carriers.is_buried = buried
        say(broker, Caption.of(Failed("session_lost", "gone", "", False)))
        (told,) = await delivery.receive()
        assert told.body()["code"] == code


async def test_after_silence_what_was_missed_is_looked_up() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker, quiet_s=0.01) as delivery:
        carriers.store(final(1))  # its caption is lost, and so is the call's done
        carriers.close()
        assert kinds(await until(delivery, Kind.DONE)) == ["FINAL 1", "DONE 1"]
        carriers.set_row(status=Status.FAILED, ended_at=1_060.0)
        assert kinds(await delivery.receive()) == ["STATUS"]
        carriers.record, carriers.call_row, carriers.is_buried = None, None, True
        (told,) = await delivery.receive()
        assert told.body()["code"] == "call_deleted"


async def test_finals_that_nobody_holds_are_not_waited_for_forever() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker, quiet_s=0.01) as delivery:
        say(broker, Caption.of_final(final(2)))
        with pytest.raises(SessionLost):
            await asyncio.wait_for(delivery.receive(), 5)


async def test_a_server_that_stops_says_so() -> None:
    carriers, broker = running_call(), FakeBroker()
    async with follower(carriers, broker) as delivery:
        await broker.listeners[0].aclose()
        with pytest.raises(Unavailable):
            await delivery.receive()


class Call:
    """A call's other roles, moved on a step at a time; captions are lost as told."""

    def __init__(self, finals: int, lost: set[int]) -> None:
        self.carriers, self.broker = running_call(), FakeBroker()
        self._lost, self._said = lost, 0
        self._steps: list[Callable[[], None]] = []
        for n in range(1, finals + 1):
            self._steps += [lambda n=n: self.carriers.store(final(n)), lambda n=n: self._say(n)]  # type: ignore[misc]
        self._steps += [self.carriers.close, lambda: self._caption(Done(KEY.call_id, finals))]

    def _say(self, n: int) -> None:
        self._said += 1
        if self._said not in self._lost:
            say(self.broker, Caption.of_final(final(n)))

    def _caption(self, done: Done) -> None:
        say(self.broker, Caption.of(done))

    def step(self, recorder: random.Random) -> bool:
        """One step of the worker or of the recorder; False once all is over."""
        if recorder.random() < 0.4:
            (self.carriers.save_draft if recorder.random() < 0.5 else self.carriers.trim)()
        elif self._steps:
            self._steps.pop(0)()
        return bool(self._steps)


@settings(deadline=None, max_examples=60)
@given(
    finals=st.integers(0, 12),
    lost=st.sets(st.integers(1, 12)),
    joins_after=st.integers(0, 30),
    seen=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_law_each_final_exactly_once_in_order_then_done(
    finals: int, lost: set[int], joins_after: int, seen: int, seed: int
) -> None:
    async def run() -> list[Caption]:
        chance = random.Random(seed)
        call = Call(finals, lost)
        for _ in range(joins_after):
            call.step(chance)
        async with follower(call.carriers, call.broker, min(seen, finals), 0.02) as delivery:
            receiving = asyncio.create_task(until(delivery, Kind.DONE))
            while call.step(chance):
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
            return await receiving

    given_ = asyncio.run(run())
    events = [caption.event for caption in given_ if caption.kind is Kind.FINAL]
    assert events == list(range(min(seen, finals) + 1, finals + 1))
    done = [index for index, caption in enumerate(given_) if caption.kind is Kind.DONE]
    assert len(done) == 1
    assert all(caption.kind is not Kind.FINAL for caption in given_[done[0] :])


async def test_what_redaction_has_not_seen_loses_its_words_where_it_is_wanted() -> None:
    carriers = running_call()
    carriers.wanted = Enrichment(redact="phone")
    broker = FakeBroker()
    carriers.store(replace(final(1), text="it is 415 555 0199"))
    carriers.store(replace(final(2), text="it is [PHONE]", safe=True))
    async with follower(carriers, broker) as delivery:
        say(
            broker,
            Caption.of(Partial(0, 3, 3.0, 3.5, "and my card is 4111")),
            Caption.of(Partial(0, 3, 3.0, 3.5, "and my card is ••••", safe=True)),
            Caption.of(Progress(16_000, 16_000, 2)),
        )
        given = await until(delivery, Kind.PROGRESS)
    texts = [caption.body().get("text") for caption in given if caption.kind is not Kind.PROGRESS]
    assert texts == ["[WITHHELD]", "it is [PHONE]", "and my card is ••••"]
    assert "4111" not in "".join(caption.json for caption in given)
    assert "0199" not in "".join(caption.json for caption in given)
