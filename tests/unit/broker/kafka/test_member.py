from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import structlog
from confluent_kafka import Consumer as KafkaClient
from tests.unit.broker.kafka_double import TOPIC, FakeConsumer, messages

from twicetold.broker import Assigned, Delivery, Revoked
from twicetold.broker.kafka import consumer as consumer_module
from twicetold.broker.kafka import member as member_module
from twicetold.broker.kafka.consumer import KafkaConsumer
from twicetold.errors import Unavailable

pytestmark = pytest.mark.unit

NAME = f"{TOPIC}-0"


class Member:
    """A consumer on a fake client."""

    def __init__(self) -> None:
        self.client = FakeConsumer()
        self.failures: list[Unavailable] = []
        self.consumer = KafkaConsumer(
            cast(KafkaClient, self.client),
            TOPIC,
            closed=lambda _: None,
            failed=self.failures.append,
        )

    async def poll(
        self,
        event: Callable[[FakeConsumer], Any],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        await self.client.poll_in_which(event, meanwhile)

    async def round(self) -> None:
        """The thread has obeyed what it was told before."""
        await self.poll(lambda _: None)
        await self.poll(lambda _: None)

    async def deliver(self, *offsets: int) -> list[Delivery]:
        """Fetched in one poll, and received."""
        await self.poll(lambda _: messages(0, offsets))
        return await self.received(len(offsets))

    async def received(self, count: int) -> list[Delivery]:
        found: list[Delivery] = []
        async with asyncio.timeout(5):
            while len(found) < count:
                batch = await self.consumer.receive()
                found += [item for item in batch if isinstance(item, Delivery)]
        return found


@contextlib.asynccontextmanager
async def member_on(*partitions: int) -> AsyncIterator[Member]:
    member = Member()
    try:
        if partitions:
            await member.poll(lambda client: client.assign(*partitions))
            member.client.done.clear()
        yield member
    finally:
        await member.consumer.aclose()


def moved(client: FakeConsumer) -> None:
    """The partition is lost, and comes back, in one poll."""
    client.lose(0)
    client.assign(0)


def offsets_of(deliveries: list[Delivery]) -> list[int]:
    return [each.position for each in deliveries]


# --- commands are for a stay -----------------------------------------------------------


async def test_a_rewind_that_its_stay_does_not_see_leaves_the_next_one_alone() -> None:
    async with member_on(0) as member:
        member.client.committed_offsets = {0: 3}
        await member.deliver(0, 1, 2)
        await member.poll(moved, lambda: member.consumer.rewind(NAME))
        await member.round()
        assert member.client.what("seek") == []
        assert offsets_of(await member.deliver(3, 4)) == [3, 4]


async def test_a_rewind_begins_again_at_the_first_that_was_not_released() -> None:
    async with member_on(0) as member:
        first, *_ = await member.deliver(5, 6, 7)
        member.consumer.release(first)
        member.consumer.rewind(NAME)
        await member.round()
        assert member.client.what("seek") == [("seek", 0, 6)]
        assert offsets_of(await member.deliver(6, 7)) == [6, 7]


async def test_what_was_under_way_when_a_stay_was_rewound_is_fetched_again() -> None:
    """The loop had seen nothing of it, and knows no offset."""
    async with member_on(0) as member:
        member.client.poll_without_the_loop(lambda _: messages(0, [4, 5]))
        member.consumer.rewind(NAME)
        await member.round()
        assert member.client.what("seek") == [("seek", 0, 4)]
        assert offsets_of(await member.deliver(4, 5)) == [4, 5]


async def test_a_pause_that_its_stay_does_not_see_leaves_the_next_one_alone() -> None:
    async with member_on(0) as member:
        await member.poll(moved, lambda: member.consumer.pause(NAME))
        await member.round()
        assert member.client.what("pause") == []


async def test_a_pause_and_its_end_are_obeyed() -> None:
    async with member_on(0) as member:
        member.consumer.pause(NAME)
        await member.round()
        member.consumer.resume(NAME)
        await member.round()
        assert member.client.what("pause", "resume") == [("pause", 0), ("resume", 0)]


async def test_a_seek_that_is_refused_is_tried_again_and_nothing_counts_till_then() -> None:
    async with member_on(0) as member:
        await member.deliver(0, 1, 2)
        member.client.refusing_seeks = 3
        with structlog.testing.capture_logs() as logs:
            await member.poll(lambda _: messages(0, [3]), lambda: member.consumer.rewind(NAME))
            await member.poll(lambda _: messages(0, [4]))
            while not member.client.what("seek"):
                await member.round()
        assert member.client.what("seek") == [("seek", 0, 0)]
        assert offsets_of(await member.deliver(0, 1, 2, 3, 4)) == [0, 1, 2, 3, 4]
        assert [line["event"] for line in logs] == ["kafka_seek_refused"]


async def test_what_was_fetched_before_a_partition_moved_is_not_of_its_next_stay() -> None:
    async with member_on(0) as member:
        await member.deliver(0)
        member.client.during_consume = moved
        await member.poll(lambda _: messages(0, [1]))
        assert offsets_of(await member.deliver(0, 1)) == [0, 1]


async def test_a_partition_that_comes_back_is_read_though_it_was_paused_when_it_left() -> None:
    """librdkafka remembers what was paused."""
    async with member_on(0) as member:
        member.consumer.pause(NAME)
        await member.round()
        await member.poll(moved)
        assert member.client.what("pause", "assign", "resume") == [
            ("pause", 0),
            ("assign", 0),
            ("resume", 0),
        ]


# --- commits -----------------------------------------------------------------------------


async def test_a_commit_of_a_stay_that_is_over_is_not_made() -> None:
    async with member_on(0, 1) as member:
        await member.poll(lambda _: [*messages(0, [0, 1]), *messages(1, [7])])
        for delivery in await member.received(3):
            member.consumer.release(delivery)
        await member.poll(moved, member.consumer._commit)
        await member.round()
        assert member.client.what("commit") == [("commit", 1, 8)]


async def test_a_position_is_committed_in_a_stay_as_in_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commit of the first may have come too late."""
    monkeypatch.setattr(consumer_module, "_COMMIT_INTERVAL_S", 0.0)
    async with member_on(0) as member:
        for _ in range(2):
            (delivery,) = await member.deliver(0)
            member.consumer.release(delivery)
            await asyncio.sleep(0.01)
            await member.round()
            await member.poll(moved)
        assert member.client.what("commit") == [("commit", 0, 1)] * 2


async def test_what_was_released_is_committed_where_a_partition_goes_as_the_member_leaves() -> None:
    async with member_on(0) as member:
        one, two, _ = await member.deliver(0, 1, 2)
        member.consumer.release(one)
        member.consumer.release(two)
        closing: list[asyncio.Task[None]] = []

        def close() -> None:
            closing.append(asyncio.ensure_future(member.consumer.aclose()))

        def revoke_once_it_is_closing(client: FakeConsumer) -> None:
            while not member.consumer._member._stopping:
                pass
            client.revoke(0)

        await member.poll(revoke_once_it_is_closing, close)
        await closing[0]
        assert member.client.what("commit", "unassign") == [("commit", 0, 2), ("unassign", 0)]


async def test_nothing_is_committed_of_a_partition_that_was_lost() -> None:
    async with member_on(0) as member:
        (delivery,) = await member.deliver(0)
        member.consumer.release(delivery)
        assert member.consumer.joined
        await member.poll(lambda client: client.lose(0))
        assert not member.consumer.joined
        await member.consumer.aclose()
        assert member.client.what("commit") == []


# --- bounds, and what is foreign -----------------------------------------------------------


async def test_a_loop_that_is_busy_is_handed_no_more_than_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member_module, "_FULL_BYTES", 10_000)
    monkeypatch.setattr(member_module, "_ROOM_AGAIN_BYTES", 1_000)
    async with member_on(0) as member:
        member.client.poll_without_the_loop(lambda _: messages(0, range(20), b"x" * 1_000))
        assert member.client.what("pause") == [("pause", 0)]
        assert len(await member.received(20)) == 20
        await member.round()
        assert member.client.what("pause", "resume") == [("pause", 0), ("resume", 0)]


async def test_foreign_messages_are_counted_and_told_at_1_10_100() -> None:
    async with member_on(0) as member:
        with structlog.testing.capture_logs() as logs:
            await member.poll(lambda _: messages(0, range(150), key=b"not a call"))
        assert [line["so_far"] for line in logs if line["event"] == "foreign_message"] == [
            1,
            10,
            100,
        ]
        assert member.consumer.foreign.count == 150


# --- a thread that fails -----------------------------------------------------------------


async def test_a_thread_that_fails_ends_its_consumer_loudly() -> None:
    def fails(_client: FakeConsumer) -> None:
        raise ValueError("what somebody said")

    member = Member()
    await member.poll(lambda client: client.assign(0))
    assert await member.consumer.receive() == [Assigned(NAME)]
    receiving = asyncio.create_task(member.consumer.receive())
    with structlog.testing.capture_logs() as logs:
        await member.poll(fails)
        with pytest.raises(Unavailable, match=TOPIC):
            await asyncio.wait_for(receiving, 5)
    with pytest.raises(Unavailable):  # and whoever asks again
        await member.consumer.receive()
    assert not member.consumer.joined
    assert len(member.failures) == 1
    assert member.client.closed.wait(5)
    assert "broker_thread_failed" in [line["event"] for line in logs]
    assert "somebody" not in str(logs)
    await member.consumer.aclose()


async def test_a_partition_that_is_revoked_is_told() -> None:
    async with member_on(0) as member:
        await member.poll(lambda client: client.revoke(0))
        assert await member.consumer.receive() == [Assigned(NAME), Revoked(NAME)]
