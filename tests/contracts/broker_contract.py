"""What every broker keeps. An adapter's test class inherits this and gives ``open_broker``.

The fixture ``open_broker`` is a coroutine function without arguments: it returns a started
broker over the same stored log each time, and closes at teardown what a test left open.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from twicetold.broker import Assigned, Broker, Consumer, Delivery, Group, Listener, Revoked, Topic
from twicetold.broker.keys import encode_key, partition_of
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

OpenBroker = Callable[[], Awaitable[Broker]]
Outage = Callable[[], AbstractAsyncContextManager[None]]

PATIENCE_S = 20.0
QUIET_S = 0.15  # how long "nothing comes" is watched for


async def collect(consumer: Consumer, wanted: int, *, release: bool = False) -> list[Delivery]:
    """The next ``wanted`` deliveries."""
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < wanted:
            found += [item for item in await consumer.receive() if isinstance(item, Delivery)]
    if release:
        for delivery in found:
            consumer.release(delivery)
    return found


async def nothing_of(consumer: Consumer, partition: str) -> bool:
    """Whether no delivery of the partition comes for a while."""
    loop = asyncio.get_running_loop()
    until = loop.time() + QUIET_S
    while (left := until - loop.time()) > 0:
        try:
            batch = await asyncio.wait_for(consumer.receive(), left)
        except TimeoutError:
            return True
        if any(isinstance(item, Delivery) and item.partition == partition for item in batch):
            return False
    return True


async def publish_all(broker: Broker, topic: Topic, key: CallKey, values: list[bytes]) -> None:
    await asyncio.gather(*[broker.publish(topic, key, value) for value in values])


async def hear(
    listener: Listener, wanted: int, early: bytes | None = None
) -> list[tuple[CallKey, bytes]]:
    """The next ``wanted`` messages, but for one that may have come before its listener did."""
    found: list[tuple[CallKey, bytes]] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < wanted:
            found += [each for each in await listener.receive() if each[1] != early]
    return found


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


def values_of(deliveries: list[Delivery], key: CallKey | None = None) -> list[bytes]:
    return [each.value for each in deliveries if key is None or each.key == key]


def numbered(count: int, size: int = 40) -> list[bytes]:
    return [f"message {number} ".encode().ljust(size, b".") for number in range(count)]


class BrokerContract:
    """Inherit, and give the fixture ``open_broker``."""

    partitions: int | None = None  # that many calls share; None: each call has its own

    @pytest.fixture
    def key(self) -> CallKey:
        return CallKey("tenant", f"call-{uuid.uuid4().hex}")

    @pytest.fixture
    def other_key(self, key: CallKey) -> CallKey:
        """A call in another partition, where partitions carry many."""
        while True:
            other = CallKey("tenant", f"call-{uuid.uuid4().hex}")
            if self.partitions is None or self._partition(other) != self._partition(key):
                return other

    def _partition(self, key: CallKey) -> int:
        return partition_of(encode_key(key), self.partitions or 1)

    # --- publish ---------------------------------------------------------------

    @pytest.mark.slow
    async def test_publish_keeps_the_order_of_the_calls_awaited_or_not(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        values = numbered(60)
        for number, value in enumerate(values):
            written = broker.publish(Topic.AUDIO, key, value)
            if number % 7 == 0:
                await written
        assert values_of(await collect(consumer, len(values))) == values

    async def test_publish_keeps_every_byte(self, open_broker: OpenBroker, key: CallKey) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.FINALS, Group.RECORD)
        values = [bytes(range(256)), b"\0" * 1000, b"x", b"\xff" * 70_000]
        await publish_all(broker, Topic.FINALS, key, values)
        assert values_of(await collect(consumer, len(values))) == values

    async def test_publish_to_one_call_leaves_the_others_alone(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.RECORD)
        await publish_all(broker, Topic.AUDIO, key, [b"a1", b"a2"])
        await publish_all(broker, Topic.AUDIO, other_key, [b"b1", b"b2"])
        found = await collect(consumer, 4)
        assert values_of(found, key) == [b"a1", b"a2"]
        assert values_of(found, other_key) == [b"b1", b"b2"]

    async def test_publish_outlives_the_broker_that_was_closed(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        for value in numbered(20):
            broker.publish(Topic.AUDIO, key, value)
        await broker.aclose()
        again = await open_broker()
        found = await collect(again.consume(Topic.AUDIO, Group.LIVE), 20)
        assert values_of(found) == numbered(20)

    # --- consume ---------------------------------------------------------------

    async def test_consume_says_assigned_before_the_first_delivery(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey
    ) -> None:
        broker = await open_broker()
        await broker.publish(Topic.AUDIO, key, b"before")
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await broker.publish(Topic.AUDIO, other_key, b"after")
        items: list[Delivery | Assigned | Revoked] = []
        async with asyncio.timeout(PATIENCE_S):
            while sum(isinstance(item, Delivery) for item in items) < 2:
                items += await consumer.receive()
        for index, item in enumerate(items):
            if isinstance(item, Delivery):
                assert Assigned(item.partition) in items[:index]
        assert len({str(item) for item in items if isinstance(item, Assigned)}) == len(
            [item for item in items if isinstance(item, Assigned)]
        )

    async def test_consume_gives_growing_positions(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(30))
        positions = [each.position for each in await collect(consumer, 30)]
        assert positions == sorted(set(positions))

    async def test_consume_gives_each_group_everything(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        live = broker.consume(Topic.AUDIO, Group.LIVE)
        record = broker.consume(Topic.AUDIO, Group.RECORD)
        await publish_all(broker, Topic.AUDIO, key, numbered(10))
        assert values_of(await collect(live, 10)) == numbered(10)
        assert values_of(await collect(record, 10)) == numbered(10)

    async def test_consume_keeps_topics_apart(self, open_broker: OpenBroker, key: CallKey) -> None:
        broker = await open_broker()
        audio = broker.consume(Topic.AUDIO, Group.RECORD)
        finals = broker.consume(Topic.FINALS, Group.RECORD)
        for number in range(5):
            broker.publish(Topic.AUDIO, key, f"audio {number}".encode())
            await broker.publish(Topic.FINALS, key, f"final {number}".encode())
        assert values_of(await collect(audio, 5)) == [f"audio {n}".encode() for n in range(5)]
        assert values_of(await collect(finals, 5)) == [f"final {n}".encode() for n in range(5)]

    async def test_consume_refuses_captions(self, open_broker: OpenBroker) -> None:
        broker = await open_broker()
        with pytest.raises(ValueError):
            broker.consume(Topic.CAPTIONS, Group.LIVE)

    async def test_consume_begins_with_what_was_published_before(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        await publish_all(broker, Topic.AUDIO, key, numbered(40)[:25])
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(40)[25:])
        assert values_of(await collect(consumer, 40)) == numbered(40)

    async def test_consume_gives_bounded_batches(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        values = numbered(40, 100_000)
        await publish_all(broker, Topic.AUDIO, key, values)
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        found: list[bytes] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < len(values):
                batch = [item for item in await consumer.receive() if isinstance(item, Delivery)]
                assert sum(len(item.value) for item in batch) <= 1_300_000
                found += values_of(batch)
        assert found == values

    async def test_consume_holds_a_paused_partition_back_and_gives_all_of_it_later(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(20)[:4])
        first = await collect(consumer, 4)
        consumer.pause(first[0].partition)
        await publish_all(broker, Topic.AUDIO, key, numbered(20)[4:])
        await publish_all(broker, Topic.AUDIO, other_key, [b"goes on"])
        assert values_of(await collect(consumer, 1)) == [b"goes on"]
        assert await nothing_of(consumer, first[0].partition)
        consumer.resume(first[0].partition)
        assert values_of(await collect(consumer, 16)) == numbered(20)[4:]

    async def test_consume_ends_when_the_consumer_is_closed(self, open_broker: OpenBroker) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.sleep(0)
        await consumer.aclose()
        assert await asyncio.wait_for(waiting, PATIENCE_S) == []
        assert await consumer.receive() == []

    async def test_consume_ends_when_the_broker_is_closed(self, open_broker: OpenBroker) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        waiting = asyncio.create_task(consumer.receive())
        await asyncio.sleep(0)
        await broker.aclose()
        assert await asyncio.wait_for(waiting, PATIENCE_S) == []

    async def test_consume_loses_nothing_when_a_receive_is_cancelled(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        found: list[bytes] = []
        for value in numbered(30):
            broker.publish(Topic.AUDIO, key, value)
            receiving = asyncio.create_task(consumer.receive())
            await asyncio.sleep(0.001)
            if not receiving.done():
                receiving.cancel()
            for outcome in await asyncio.gather(receiving, return_exceptions=True):
                if not isinstance(outcome, BaseException):
                    found += [item.value for item in outcome if isinstance(item, Delivery)]
        if len(found) < 30:
            found += values_of(await collect(consumer, 30 - len(found)))
        assert found == numbered(30)

    async def test_consume_begins_anew_after_a_rewind(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(12)[:8])
        await publish_all(broker, Topic.AUDIO, other_key, [b"other"])
        first = await collect(consumer, 9)
        mine = [each for each in first if each.key == key]
        for delivery in mine[:3]:
            consumer.release(delivery)
        consumer.rewind("no such partition")
        consumer.rewind(mine[0].partition)
        await publish_all(broker, Topic.AUDIO, key, numbered(12)[8:])
        items: list[Delivery | Assigned | Revoked] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(values_of([i for i in items if isinstance(i, Delivery)], key)) < 9:
                items += await consumer.receive()
        partition = mine[0].partition
        told = [i for i in items if not isinstance(i, Delivery)]
        assert told == [Revoked(partition), Assigned(partition)]
        begin = items.index(Assigned(partition))
        after = [i for i in items[begin:] if isinstance(i, Delivery)]
        assert values_of(after, key) == numbered(12)[3:]

    # --- release ---------------------------------------------------------------

    async def test_release_is_what_a_restart_goes_on_from(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(10))
        for delivery in (await collect(consumer, 10))[:6]:
            consumer.release(delivery)
        await broker.aclose()
        again = await open_broker()
        found = await collect(again.consume(Topic.AUDIO, Group.LIVE), 4)
        assert values_of(found) == numbered(10)[6:]

    async def test_release_in_any_order_keeps_the_lowest(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.RECORD)
        await publish_all(broker, Topic.AUDIO, key, numbered(10))
        found = await collect(consumer, 10)
        for index in (9, 0, 5, 1, 4, 1):
            consumer.release(found[index])
        await broker.aclose()
        again = await open_broker()
        repeated = await collect(again.consume(Topic.AUDIO, Group.RECORD), 8)
        assert values_of(repeated) == numbered(10)[2:]

    async def test_release_by_one_group_moves_no_other(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        live = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(10))
        await collect(live, 10, release=True)
        record = broker.consume(Topic.AUDIO, Group.RECORD)
        assert values_of(await collect(record, 10)) == numbered(10)

    async def test_release_is_passed_on_to_the_next_member(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        first = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(6))
        for delivery in (await collect(first, 6))[:2]:
            first.release(delivery)
        await first.aclose()
        second = broker.consume(Topic.AUDIO, Group.LIVE)
        assert values_of(await collect(second, 4)) == numbered(6)[2:]

    # --- listen ----------------------------------------------------------------

    @pytest.mark.parametrize("topic", [Topic.CAPTIONS, Topic.FINALS])
    async def test_listen_gives_every_message_after_add_in_order(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey, topic: Topic
    ) -> None:
        broker = await open_broker()
        listener = broker.listen(topic)
        await broker.publish(topic, key, b"too early")
        await listener.add(key)
        for value in numbered(20):
            await broker.publish(topic, other_key, b"somebody else's")
            await broker.publish(topic, key, value)
        heard = await hear(listener, 20, early=b"too early")
        assert heard == [(key, value) for value in numbered(20)]

    async def test_listen_stops_at_remove(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey
    ) -> None:
        broker = await open_broker()
        listener = broker.listen(Topic.CAPTIONS)
        await listener.add(key)
        await listener.add(other_key)
        listener.remove(key)
        await broker.publish(Topic.CAPTIONS, key, b"unheard")
        await broker.publish(Topic.CAPTIONS, other_key, b"heard")
        assert await hear(listener, 1) == [(other_key, b"heard")]

    async def test_listen_serves_several_at_once(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        listeners = [broker.listen(Topic.CAPTIONS) for _ in range(3)]
        for listener in listeners:
            await listener.add(key)
        await broker.publish(Topic.CAPTIONS, key, b"to all")
        for listener in listeners:
            assert await hear(listener, 1) == [(key, b"to all")]

    async def test_listen_ends_when_closed(self, open_broker: OpenBroker, key: CallKey) -> None:
        broker = await open_broker()
        listeners = [broker.listen(Topic.CAPTIONS) for _ in range(2)]
        for listener in listeners:
            await listener.add(key)
        waiting = [asyncio.create_task(listener.receive()) for listener in listeners]
        await asyncio.sleep(0)
        await listeners[0].aclose()
        await broker.aclose()
        assert await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_S) == [[], []]

    # --- forget and check --------------------------------------------------------

    async def test_forget_of_an_unknown_call_is_no_error(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        await (await open_broker()).forget(key)

    async def test_check_says_whether_it_answers(self, open_broker: OpenBroker) -> None:
        broker = await open_broker()
        await broker.check()
        await broker.aclose()
        with pytest.raises(Unavailable):
            await broker.check()


class OwnPartitions(BrokerContract):
    """The contract where each call has a partition, which goes when the call is forgotten."""

    async def test_forget_revokes_the_partition_and_its_messages(
        self, open_broker: OpenBroker, key: CallKey, other_key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(3))
        await publish_all(broker, Topic.AUDIO, other_key, [b"stays"])
        partition = next(each for each in await collect(consumer, 4) if each.key == key).partition
        await broker.forget(key)
        async with asyncio.timeout(PATIENCE_S):
            assert Revoked(partition) in await consumer.receive()
        await broker.aclose()
        again = await open_broker()
        found = await collect(again.consume(Topic.AUDIO, Group.LIVE), 1)
        assert values_of(found) == [b"stays"]

    async def test_forget_lets_the_call_begin_anew(
        self, open_broker: OpenBroker, key: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(3))
        stale = await collect(consumer, 3)
        await broker.forget(key)
        await publish_all(broker, Topic.AUDIO, key, [b"new 1", b"new 2"])
        items: list[Delivery | Assigned | Revoked] = []
        async with asyncio.timeout(PATIENCE_S):
            while sum(isinstance(item, Delivery) for item in items) < 2:
                items += await consumer.receive()
        assert [item.value for item in items if isinstance(item, Delivery)] == [b"new 1", b"new 2"]
        name = stale[0].partition
        assert items.index(Revoked(name)) < items.index(Assigned(name))
        for delivery in stale:  # of the call that is no more: releases nothing of the new one
            consumer.release(delivery)
        await broker.aclose()
        again = await open_broker()
        found = await collect(again.consume(Topic.AUDIO, Group.LIVE), 2)
        assert values_of(found) == [b"new 1", b"new 2"]


class SharedPartitions(BrokerContract):
    """The contract where each of ``partitions`` carries many calls, and members share them."""

    @pytest.fixture
    def neighbour(self, key: CallKey) -> CallKey:
        """Another call in the partition of ``key``."""
        while True:
            other = CallKey("other", f"call-{uuid.uuid4().hex}")
            if self._partition(other) == self._partition(key):
                return other

    async def test_a_partition_waits_for_the_slowest_of_its_calls(
        self, open_broker: OpenBroker, key: CallKey, neighbour: CallKey
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        for value in numbered(6):
            await broker.publish(Topic.AUDIO, key, value)
            await broker.publish(Topic.AUDIO, neighbour, value)
        found = await collect(consumer, 12)
        for delivery in found:
            if delivery.key == neighbour or delivery.value in numbered(6)[:2]:
                consumer.release(delivery)
        await consumer.aclose()
        again = await collect(broker.consume(Topic.AUDIO, Group.LIVE), 8)
        assert values_of(again, key) == numbered(6)[2:]

    @pytest.mark.slow
    async def test_members_share_the_partitions_and_take_over_from_one_that_leaves(
        self, open_broker: OpenBroker
    ) -> None:
        broker = await open_broker()
        keys = [CallKey("tenant", f"call-{number}") for number in range(40)]
        first = broker.consume(Topic.AUDIO, Group.LIVE)
        seen: dict[str, list[CallKey]] = {"first": [], "second": []}
        shares: dict[str, set[str]] = {"first": set(), "second": set()}

        async def read(name: str, consumer: Consumer) -> None:
            while batch := await consumer.receive():
                for item in batch:
                    if isinstance(item, Delivery):
                        assert item.partition in shares[name]
                        seen[name].append(item.key)
                        consumer.release(item)
                    elif isinstance(item, Assigned):
                        shares[name].add(item.partition)
                    else:
                        shares[name].discard(item.partition)

        readers = [asyncio.create_task(read("first", first))]
        await until(lambda: len(shares["first"]) == self.partitions)
        second = broker.consume(Topic.AUDIO, Group.LIVE)
        readers.append(asyncio.create_task(read("second", second)))
        await until(lambda: shares["second"] and not shares["first"] & shares["second"])
        await until(lambda: len(shares["first"] | shares["second"]) == self.partitions)
        for key in keys:
            await broker.publish(Topic.AUDIO, key, b"one")
        await until(lambda: len(seen["first"] + seen["second"]) >= len(keys))
        assert sorted(seen["first"] + seen["second"]) == sorted(keys)
        assert seen["first"]
        assert seen["second"]
        await first.aclose()
        await until(lambda: len(shares["second"]) == self.partitions)
        for key in keys:
            await broker.publish(Topic.AUDIO, key, b"two")
        await until(lambda: len(seen["first"] + seen["second"]) >= 2 * len(keys))
        assert sorted(seen["first"] + seen["second"]) == sorted(keys * 2)
        await second.aclose()
        await asyncio.gather(*readers)

    async def test_publish_waits_in_order_for_a_broker_that_is_away(
        self, open_broker: OpenBroker, key: CallKey, outage: Outage
    ) -> None:
        broker = await open_broker()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, key, numbered(30)[:10])
        await collect(consumer, 10)
        async with outage():
            waiting = [broker.publish(Topic.AUDIO, key, value) for value in numbered(30)[10:]]
            await asyncio.sleep(0.3)
            assert not any(asyncio.ensure_future(each).done() for each in waiting)
            with pytest.raises(Unavailable):
                await broker.check()
        await asyncio.gather(*waiting)
        assert values_of(await collect(consumer, 20)) == numbered(30)[10:]
        await broker.check()
