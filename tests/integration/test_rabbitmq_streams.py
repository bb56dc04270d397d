"""What a RabbitMQ broker finds at its start, or loses under way: other streams than it needs."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any, Literal

import aio_pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity
from structlog.testing import capture_logs
from tests.carriers.process import free_port
from tests.carriers.rabbitmq_server import RabbitServer, needs_rabbitmq
from tests.carriers.wire import Wire
from tests.contracts.broker_contract import collect, hear, numbered, publish_all, until, values_of
from tests.contracts.coordination_double import FakeCoordination

from twicetold.broker import Group, Topic
from twicetold.broker.rabbitmq.broker import RabbitBroker, probe
from twicetold.broker.rabbitmq.consumer import RabbitConsumer
from twicetold.broker.rabbitmq.link import RabbitLink
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.reader import RabbitReader
from twicetold.errors import SettingError, Unavailable
from twicetold.speech.identity import CallKey

pytestmark = [pytest.mark.integration, needs_rabbitmq()]

KEY = CallKey("tenant", "call")


@pytest.fixture
def prefix() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def url(rabbitmq: RabbitServer, prefix: str) -> str:
    return f"{rabbitmq.url}/{prefix}?partitions=2"


@pytest.fixture
async def channel(rabbitmq: RabbitServer) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    async with await aio_pika.connect(rabbitmq.amqp_url) as connection:
        yield await connection.channel()


@contextlib.asynccontextmanager
async def running(
    url: str, coordination: FakeCoordination | None = None
) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker(url, coordination or FakeCoordination())
    async with asyncio.timeout(10):
        await broker.start()
    try:
        yield broker
    finally:
        await broker.aclose()


async def refused(url: str) -> SettingError:
    with pytest.raises(SettingError) as raised:
        async with running(url):
            pass
    return raised.value


# --- at the start ----------------------------------------------------------------------


async def test_another_number_of_partitions_is_refused(url: str) -> None:
    async with running(url):
        pass
    error = await refused(url.replace("partitions=2", "partitions=3"))
    assert "has 2 partitions and not 3" in error.message
    assert "?partitions=2" in error.hint


async def test_who_starts_at_once_agrees_on_one_log(url: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        brokers = await asyncio.gather(*(stack.enter_async_context(running(url)) for _ in range(5)))
        assert len({broker._publisher.link.log for broker in brokers}) == 1


async def test_another_retention_is_refused_with_what_mends_it(url: str) -> None:
    async with running(url):
        pass
    error = await refused(f"{url}&retention_h=48")
    assert "x-max-age is 24h and not 48h" in error.message
    assert "?retention_h=24" in error.hint
    assert "rabbitmqctl delete_queue -p / " in error.hint


async def test_a_queue_of_another_kind_is_refused(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    await channel.declare_queue(f"{prefix}.audio.1", durable=True)
    error = await refused(url)
    assert f"{prefix}.audio.1 was made otherwise" in error.message
    assert "x-queue-type is none and not stream" in error.message


async def test_a_log_that_is_not_ours_is_refused(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    mark = f"{prefix}.log"
    await channel.declare_queue(mark, durable=True, arguments={"x-queue-type": "stream"})
    await channel.default_exchange.publish(aio_pika.Message(b'{"version": 2}'), mark)
    assert "not ours" in (await refused(url)).message


async def test_a_deleted_stream_is_told_and_then_begins_a_new_log(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    coordination = FakeCoordination()
    async with running(url, coordination) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, KEY, numbered(5))
        stream = (await collect(consumer, 5, release=True))[0].partition
    await channel.queue_delete(stream)
    error = await refused(url)
    assert f"{stream} was deleted" in error.message
    assert error.hint.endswith(f"rabbitmqctl delete_queue -p / {prefix}.log")
    await channel.queue_delete(f"{prefix}.log")
    async with running(url, coordination) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await broker.publish(Topic.AUDIO, KEY, b"first of the new log")
        assert values_of(await collect(consumer, 1)) == [b"first of the new log"]


async def test_a_wrong_password_is_refused_and_never_shown(url: str) -> None:
    with capture_logs() as logs:
        error = await refused(url.replace("guest:guest@", "guest:sesame@"))
    assert "refuses the name or the password in the setting broker" in error.message
    assert "sesame" not in f"{error} {error.hint} {logs}"


async def test_a_server_that_is_not_there_yet_is_waited_for(rabbitmq: RabbitServer) -> None:
    wire = Wire(rabbitmq.port)
    nobody, prefix = free_port(), f"t-{uuid.uuid4().hex[:12]}"
    async with wire.laid():
        wire.close()
        broker = RabbitBroker(
            f"rabbitmq://guest:guest@127.0.0.1:{nobody},127.0.0.1:{wire.port}/{prefix}?partitions=1",
            FakeCoordination(),
        )
        with capture_logs() as logs:
            starting = asyncio.create_task(broker.start())
            await until(lambda: len(logs) >= 2)
            assert not starting.done()
            wire.open()
            await starting
        await broker.publish(Topic.AUDIO, KEY, b"the second host answers")
        await broker.aclose()
    told = logs[0]
    assert told["event"] == "rabbitmq_unreachable"
    assert told["url"] == f"rabbitmq://127.0.0.1:{nobody},127.0.0.1:{wire.port}"
    assert logs[1]["again_in_s"] == 2 * told["again_in_s"]


async def test_a_vhost_that_is_not_there_is_named_with_what_makes_it(url: str) -> None:
    broker = RabbitBroker(f"{url}&vhost=nowhere", FakeCoordination())
    with capture_logs() as logs:
        starting = asyncio.create_task(broker.start())
        await until(lambda: logs)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    assert logs[0]["setting"] == "broker"
    assert "there is no such vhost" in logs[0]["error"]
    assert "rabbitmqctl add_vhost nowhere " in logs[0]["hint"]
    assert "rabbitmqctl set_permissions -p nowhere guest " in logs[0]["hint"]
    with pytest.raises(Unavailable) as told:
        await probe(f"{url}&vhost=nowhere")
    assert "nowhere" in told.value.message
    assert told.value.hint == logs[0]["hint"]


async def owned(url: str, installation: str) -> None:
    broker = RabbitBroker(url, FakeCoordination(), installation)
    try:
        await broker.start()
    finally:
        await broker.aclose()


async def test_a_log_belongs_to_who_made_it(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    await owned(url, "mine")
    await owned(url, "mine")
    await probe(url, "mine")
    for attempt in (owned(url, "another"), probe(url, "another")):
        with pytest.raises(SettingError) as error:
            await attempt
        assert "another installation (mine; this one is another)" in error.value.message
    assert error.value.hint.endswith(f"rabbitmqctl delete_queue -p / {prefix}.log")
    await channel.queue_delete(f"{prefix}.log")
    await owned(url, "another")


async def test_looking_at_a_log_makes_nothing_and_finds_what_is_wrong(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    assert await probe(url) == url.replace("guest:guest@", "").partition(f"/{prefix}")[0]
    with pytest.raises(ChannelNotFoundEntity):
        await channel.declare_queue(f"{prefix}.log", passive=True)
    async with running(url):
        pass
    with pytest.raises(SettingError, match="has 2 partitions and not 3"):
        await probe(url.replace("partitions=2", "partitions=3"))


# --- under way -------------------------------------------------------------------------


async def test_a_log_that_was_replaced_is_read_from_its_beginning(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    async with running(url) as broker:
        consumer = broker.consume(Topic.FINALS, Group.RECORD)
        listener = broker.listen(Topic.FINALS)
        await listener.add(KEY)
        await publish_all(broker, Topic.FINALS, KEY, numbered(50))
        await collect(consumer, 50, release=True)
        await hear(listener, 50)
        with capture_logs() as logs:  # as if its disk had been emptied
            for topic in Topic:
                for number in range(2):
                    await channel.queue_delete(f"{prefix}.{topic}.{number}")
            await channel.queue_delete(f"{prefix}.log")
            for link in (broker._publisher.link, consumer._link, listener._link):
                link.renew("as a restart would")
            await publish_all(broker, Topic.FINALS, KEY, numbered(3))
            assert values_of(await collect(consumer, 3)) == numbered(3)
            assert await hear(listener, 3) == [(KEY, value) for value in numbered(3)]
        assert [each for each in logs if each["event"] == "log_replaced"]


async def test_a_message_that_is_not_ours_is_set_aside(
    url: str, prefix: str, channel: aio_pika.abc.AbstractChannel
) -> None:
    async with running(url) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        for number in range(2):
            for headers in ({}, {"key": "no key"}, {"key": 7}):
                message = aio_pika.Message(b"?", headers=headers)
                await channel.default_exchange.publish(message, f"{prefix}.audio.{number}")
        await broker.publish(Topic.AUDIO, KEY, b"ours")
        with capture_logs() as logs:
            assert values_of(await collect(consumer, 1)) == [b"ours"]
        assert isinstance(consumer, RabbitConsumer)
        assert consumer.foreign.count >= 3  # all of its stream's, and perhaps the other one's
    assert [each["event"] for each in logs].count("foreign_message") == 1


@pytest.mark.parametrize("start", [3, "first"])  # "first" is of a group without a position
async def test_what_retention_has_let_go_is_told(
    rabbitmq: RabbitServer, channel: aio_pika.abc.AbstractChannel, start: int | Literal["first"]
) -> None:
    stream = f"t-{uuid.uuid4().hex}"
    small: dict[str, Any] = {
        "x-max-length-bytes": 20_000,
        "x-stream-max-segment-size-bytes": 10_000,
    }
    await channel.declare_queue(stream, durable=True, arguments={"x-queue-type": "stream", **small})
    for number in range(100):
        message = aio_pika.Message(f"{number}".encode().ljust(1_000))
        await channel.default_exchange.publish(message, stream)
    found: list[int] = []

    def take(_: int, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        found.append(int(message.body))

    async def nothing_to_prepare(*_: object) -> str:
        return "log"

    link = RabbitLink(RabbitOptions.parse(rabbitmq.url), "test", nothing_to_prepare)
    with capture_logs() as logs:
        reader = RabbitReader(
            link, stream, start, lambda _, message: found.append(int(message.body))
        )
        await until(lambda: found and found[-1] == 99)
        reader.stop()
        await link.aclose()
    assert found == list(range(found[0], 100))
    assert found[0] > 4
    event = "messages_expired" if start == 3 else "older_messages_gone"
    (told,) = (each for each in logs if each["event"] == event)
    # Each segment begins with an entry of its own, which counts as well.
    missing = found[0] - (3 if start == 3 else 0)
    assert missing <= told["messages"] <= missing * 1.2
