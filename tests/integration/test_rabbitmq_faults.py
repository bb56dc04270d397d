"""RabbitMQ behind connections that are cut, and members that sleep."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs
from tests.carriers.rabbitmq_server import RabbitServer, needs_rabbitmq
from tests.carriers.wire import Wire
from tests.contracts.broker_contract import collect, hear, numbered, publish_all, until, values_of
from tests.contracts.coordination_double import FakeCoordination

from twicetold.broker import Assigned, Consumer, Delivery, Group, Revoked, Topic
from twicetold.broker.rabbitmq import membership as membership_module
from twicetold.broker.rabbitmq.broker import RabbitBroker
from twicetold.errors import Overloaded, Unavailable
from twicetold.speech.identity import CallKey

pytestmark = [pytest.mark.integration, needs_rabbitmq()]

KEY = CallKey("tenant", "call")
KEYS = [CallKey("tenant", f"call-{number}") for number in range(12)]

Open = Callable[..., AsyncIterator[RabbitBroker]]


class Rig:
    """Brokers over one log: on a wire that can be cut, or straight."""

    def __init__(self, server: RabbitServer, wire: Wire, stack: contextlib.AsyncExitStack) -> None:
        self.wire, self._stack = wire, stack
        self._straight = server.url
        self._prefix = f"t-{uuid.uuid4().hex[:12]}"

    def url(self, *, straight: bool = False) -> str:
        there = self._straight if straight else f"rabbitmq://guest:guest@127.0.0.1:{self.wire.port}"
        return f"{there}/{self._prefix}?partitions=3"

    async def broker(
        self, coordination: FakeCoordination | None = None, *, straight: bool = False
    ) -> RabbitBroker:
        broker = RabbitBroker(self.url(straight=straight), coordination or FakeCoordination())
        await broker.start()
        self._stack.push_async_callback(broker.aclose)
        return broker


@pytest.fixture
async def rig(rabbitmq: RabbitServer) -> AsyncIterator[Rig]:
    async with contextlib.AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(rabbitmq.port).laid())
        yield Rig(rabbitmq, wire, stack)


# --- publishing ----------------------------------------------------------------------


@pytest.mark.slow
async def test_what_was_not_confirmed_is_sent_again_in_order(rig: Rig) -> None:
    broker, straight = await rig.broker(), await rig.broker(straight=True)
    values = numbered(1800, 2_000)
    receipts = []
    for at, value in enumerate(values):
        receipts.append(asyncio.ensure_future(broker.publish(Topic.AUDIO, KEY, value)))
        if at % 5 == 0:
            await asyncio.sleep(0)
        if at in (400, 700, 1_400):
            rig.wire.cut()
    async with asyncio.timeout(20):
        await asyncio.gather(*receipts)
    await straight.publish(Topic.AUDIO, KEY, b"the end")
    consumer = straight.consume(Topic.AUDIO, Group.LIVE)
    found: list[bytes] = []
    while b"the end" not in found:
        found += values_of(await collect(consumer, 1))
    assert list(dict.fromkeys(found)) == [*values, b"the end"]
    assert rig.wire.connections >= 4
    assert len(found) > len(values)  # or nothing was under way when it was cut
    numbers = [values.index(each) for each in found[:-1]]
    back = [(a, b) for a, b in itertools.pairwise(numbers) if b != a + 1]
    assert len(back) <= 3
    assert all(b <= a for a, b in back)


async def test_publishing_is_refused_while_too_much_waits_and_goes_on_after(rig: Rig) -> None:
    broker, straight = await rig.broker(), await rig.broker(straight=True)
    rig.wire.close()
    chunk = bytes(1024 * 1024)
    receipts = [broker.publish(Topic.AUDIO, KEY, chunk) for _ in range(64)]
    with pytest.raises(Overloaded):
        broker.publish(Topic.AUDIO, KEY, b"one more")
    await broker.publish(Topic.CAPTIONS, KEY, b"nobody waits for it")
    with pytest.raises(Unavailable):
        await broker.check()
    rig.wire.open()
    async with asyncio.timeout(30):
        await asyncio.gather(*receipts)
    await broker.publish(Topic.AUDIO, KEY, b"the end")
    consumer = straight.consume(Topic.AUDIO, Group.LIVE)
    assert values_of(await collect(consumer, len(receipts) + 1))[-1] == b"the end"


async def test_captions_are_dropped_while_the_broker_is_away(rig: Rig) -> None:
    broker, straight = await rig.broker(), await rig.broker(straight=True)
    listener = straight.listen(Topic.CAPTIONS)
    await listener.add(KEY)
    rig.wire.close()
    await until(lambda: not broker._publisher.link.up)
    for value in numbered(100):
        await broker.publish(Topic.CAPTIONS, KEY, value)
    rig.wire.open()
    await broker.publish(Topic.FINALS, KEY, b"waits until it is back")
    await broker.publish(Topic.CAPTIONS, KEY, b"of the moment")
    assert await hear(listener, 1) == [(KEY, b"of the moment")]


async def test_closing_gives_up_what_cannot_be_sent(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twicetold.broker.rabbitmq.publisher._LAST_WORDS_S", 0.2)
    broker = await rig.broker()
    rig.wire.close()
    receipt = asyncio.ensure_future(broker.publish(Topic.AUDIO, KEY, b"unsent"))
    await broker.aclose()
    with pytest.raises(Unavailable):
        await receipt
    with pytest.raises(Unavailable):
        broker.publish(Topic.AUDIO, KEY, b"too late")


# --- consuming -----------------------------------------------------------------------


async def test_a_consumer_goes_on_where_it_was_after_a_cut(rig: Rig) -> None:
    broker, straight = await rig.broker(), await rig.broker(straight=True)
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)
    values = numbered(600)
    told: list[Delivery | Assigned | Revoked] = []

    async def publish() -> None:
        for at, value in enumerate(values):
            await straight.publish(Topic.AUDIO, KEYS[at % 12], value)
            if at in (150, 155, 400):
                rig.wire.cut()
            if at == 500:
                rig.wire.close()
        rig.wire.open()

    publishing = asyncio.create_task(publish())
    async with asyncio.timeout(20):
        while sum(isinstance(each, Delivery) for each in told) < len(values):
            told += await consumer.receive()
    await publishing
    found = [each for each in told if isinstance(each, Delivery)]
    for number, key in enumerate(KEYS):
        assert values_of(found, key) == values[number::12]
    assert not [each for each in told if isinstance(each, Revoked)]


async def test_a_reader_that_does_not_read_holds_a_bounded_amount(rig: Rig) -> None:
    broker = await rig.broker(straight=True)
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)
    values = numbered(600, 50_000)  # 30 MB
    await publish_all(broker, Topic.AUDIO, KEY, values)
    feed = consumer._feed
    await until(lambda: feed.full)
    await asyncio.sleep(0.3)
    most = (4 + 2) * 1024 * 1024 + 65 * 50_000  # full; what was one chunk; what was on its way
    assert feed._queued_bytes < most
    found = await collect(consumer, 100)
    consumer.pause(found[0].partition)
    await asyncio.sleep(0.3)
    stay = next(iter(each for each in feed._stays.values() if each.held))
    assert sum(len(each.value) for each in stay.held) < most
    consumer.resume(found[0].partition)
    found += await collect(consumer, len(values) - len(found))
    assert values_of(found) == values


# --- members that sleep or die -------------------------------------------------------


@pytest.fixture
def quick_members(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_TTL_S": 0.6, "_BEAT_S": 0.1, "_HUNGRY_BEAT_S": 0.05}.items():
        monkeypatch.setattr(membership_module, name, value)


async def receive_until(
    consumer: Consumer, holds: Callable[[list[Delivery | Assigned | Revoked]], object]
) -> list[Delivery | Assigned | Revoked]:
    told: list[Delivery | Assigned | Revoked] = []
    async with asyncio.timeout(10):
        while not holds(told):
            told += await consumer.receive()
    return told


async def test_a_member_that_slept_hands_out_nothing_before_it_gives_up(
    rig: Rig, quick_members: None
) -> None:
    coordination = FakeCoordination()
    broker = await rig.broker(coordination, straight=True)
    consumer = broker.consume(Topic.AUDIO, Group.LIVE)
    await publish_all(broker, Topic.AUDIO, KEY, numbered(4)[:2])
    (first, second) = await collect(consumer, 2)
    consumer.release(first)
    await publish_all(broker, Topic.AUDIO, KEY, numbered(4)[2:])
    await until(lambda: consumer._feed._queued_bytes)
    time.sleep(0.8)  # noqa: ASYNC251 - the whole process sleeps
    told = await consumer.receive()
    assert {type(each) for each in told} == {Revoked}
    told = await receive_until(
        consumer, lambda told: sum(isinstance(each, Delivery) for each in told) == 4
    )
    found = [each for each in told if isinstance(each, Delivery)]
    assert values_of(found) == numbered(4)  # the release was too young to have been noted
    assert told.index(Assigned(second.partition)) < told.index(found[0])


async def test_another_reads_on_where_a_member_died(rig: Rig, quick_members: None) -> None:
    dying, living = FakeCoordination(), FakeCoordination()
    living.members, living.holders, living.stored = dying.members, dying.holders, dying.stored
    broker = await rig.broker(dying, straight=True)
    other = await rig.broker(living, straight=True)
    first = broker.consume(Topic.AUDIO, Group.LIVE)
    values = numbered(36)
    for at, value in enumerate(values[:24]):
        await broker.publish(Topic.AUDIO, KEYS[at % 12], value)
    found = await collect(first, 24, release=True)
    await until(lambda: len(dying.stored) == 1 and sum(map(len, dying.stored.values())) == 3)
    second = other.consume(Topic.AUDIO, Group.LIVE)
    await until(lambda: second._membership and second._membership._held)
    dying.reachable.clear()
    died = time.monotonic()
    await until(lambda: len(second._membership._held) == 3)
    assert time.monotonic() - died < 0.6 + 0.1 + 0.5
    for at, value in enumerate(values[24:], 24):
        await other.publish(Topic.AUDIO, KEYS[at % 12], value)
    found += await collect(second, 12)
    assert sorted(values_of(found)) == sorted(values)
    told = await receive_until(first, lambda told: sum(isinstance(e, Revoked) for e in told) == 3)
    assert not [each for each in told if isinstance(each, Delivery) and each.value in values[24:]]
    dying.reachable.set()


# --- listening -----------------------------------------------------------------------


async def test_what_is_published_once_add_has_returned_is_heard(rig: Rig) -> None:
    broker, straight = await rig.broker(straight=True), await rig.broker(straight=True)
    for number in range(30):
        listener = broker.listen(Topic.CAPTIONS)
        keys = [CallKey("tenant", f"call-{number}-{at}") for at in range(4)]
        await asyncio.gather(*(listener.add(key) for key in keys))
        for key in keys:
            straight.publish(Topic.CAPTIONS, key, f"{number}".encode())
        assert sorted(await hear(listener, 4)) == [(key, f"{number}".encode()) for key in keys]
        await listener.aclose()


@pytest.mark.parametrize("heard_before", [True, False])
async def test_a_listener_misses_nothing_of_the_time_of_a_cut(rig: Rig, heard_before: bool) -> None:
    broker, straight = await rig.broker(), await rig.broker(straight=True)
    for key in KEYS:
        await straight.publish(Topic.CAPTIONS, key, b"long ago")
    await straight.publish(Topic.FINALS, KEY, b"a final of before")
    listener = broker.listen(Topic.FINALS)
    await listener.add(KEY)
    if heard_before:
        await straight.publish(Topic.FINALS, KEY, b"heard")
        assert await hear(listener, 1, b"a final of before") == [(KEY, b"heard")]
    rig.wire.close()
    for value in numbered(20):
        await straight.publish(Topic.FINALS, KEY, value)
    rig.wire.open()
    heard = await hear(listener, 20, b"a final of before")
    assert [value for _, value in heard] == numbered(20)


async def test_an_outage_is_told_once_and_without_the_password(rig: Rig) -> None:
    with capture_logs() as logs:
        broker = await rig.broker()
        rig.wire.close()
        await until(lambda: [e for e in logs if e["event"] == "rabbitmq_unreachable"])
        await asyncio.sleep(1)
        rig.wire.open()
        await broker.publish(Topic.AUDIO, KEY, b"again")
    events = [each["event"] for each in logs]
    assert events.count("rabbitmq_unreachable") == events.count("rabbitmq_reached_again") == 1
    assert "guest" not in str(logs)


async def test_what_is_away_is_what_is_named(rig: Rig, quick_members: None) -> None:
    """Who reads what is kept in the session store: without it RabbitMQ is not to blame."""
    coordination = FakeCoordination()
    broker = await rig.broker(coordination)
    broker.consume(Topic.AUDIO, Group.LIVE)
    await until(lambda: all(member.joined for member in broker._members))
    await broker.check()
    beat = coordination.beat

    async def silent(*_: object) -> tuple[list[str], set[str]]:
        raise Unavailable("The store does not answer.")

    coordination.beat = silent  # type: ignore[method-assign]
    await until(lambda: not any(member.joined for member in broker._members))
    with pytest.raises(Unavailable, match="waits for the session store") as waits:
        await broker.check()
    assert not waits.value.away
    coordination.beat = beat  # type: ignore[method-assign]
    await until(lambda: all(member.joined for member in broker._members))
    await broker.check()
    rig.wire.close()
    with pytest.raises(Unavailable, match=r"^rabbitmq://127\.0\.0\.1:\d+ does not answer") as away:
        await broker.check()
    assert away.value.away
