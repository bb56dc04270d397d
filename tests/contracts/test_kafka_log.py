"""What Kafka alone can get wrong: topics that are not as they must be, foreign messages, offsets
that have expired, a broker that is not there yet."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from tests.carriers.kafka_server import KafkaServer, needs_kafka
from tests.contracts.broker_contract import collect, numbered, publish_all, values_of

from twicetold.broker import Assigned, Delivery, Group, Revoked, Topic
from twicetold.broker.kafka.broker import KafkaBroker
from twicetold.broker.kafka.consumer import KafkaConsumer
from twicetold.errors import SettingError, Unavailable
from twicetold.speech.identity import CallKey

pytestmark = [pytest.mark.contracts, needs_kafka()]

KEY = CallKey("acme", "call-1")


@pytest.fixture
def prefix() -> str:
    return f"k-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def admin(kafka: KafkaServer) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.address})


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[KafkaBroker]:
    broker = KafkaBroker(url)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.aclose()


def make(admin: AdminClient, name: str, partitions: int, **config: str) -> None:
    config = {"message.timestamp.type": "LogAppendTime", **config}
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
    admin.create_topics([topic])[name].result(10)


async def refusal(url: str) -> SettingError:
    with pytest.raises(SettingError) as refused:
        async with opened(url):
            pass
    return refused.value


async def test_topics_are_made_as_they_were_asked_for(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    url = f"{kafka.url}/{prefix}?partitions=3&retention_h=2"
    async with opened(url), opened(url):  # the second finds them
        topics = admin.list_topics(timeout=10).topics
        assert [len(topics[f"{prefix}.{topic}"].partitions) for topic in Topic] == [3, 3, 3]
        resource = ConfigResource(ResourceType.TOPIC, f"{prefix}.audio")
        settings = admin.describe_configs([resource])[resource].result(10)
        wanted = {
            "retention.ms": "7200000",
            "retention.bytes": "-1",
            "segment.ms": "3600000",
            "message.timestamp.type": "LogAppendTime",
        }
        assert {name: settings[name].value for name in wanted} == wanted


@pytest.mark.parametrize(("there", "said"), [(2, "--partitions 4"), (6, "?partitions=6")])
async def test_another_number_of_partitions_is_refused_with_what_mends_it(
    kafka: KafkaServer, admin: AdminClient, prefix: str, there: int, said: str
) -> None:
    make(admin, f"{prefix}.audio", there)
    error = await refusal(f"{kafka.url}/{prefix}?partitions=4")
    assert f"{prefix}.audio has {there} partitions" in error.message
    assert said in error.hint
    assert ("--alter" in error.hint) == (there < 4)


@pytest.mark.parametrize(
    ("topic", "config", "mended"),
    [
        ("finals", {"cleanup.policy": "compact"}, "cleanup.policy=delete"),
        ("captions", {"cleanup.policy": "compact,delete"}, "cleanup.policy=delete"),
        ("finals", {"retention.ms": "60000"}, "retention.ms=86400000"),
        ("audio", {"retention.bytes": "1000000"}, "retention.bytes=-1"),
        (
            "captions",
            {"message.timestamp.type": "CreateTime"},
            "message.timestamp.type=LogAppendTime",
        ),
    ],
)
async def test_a_topic_that_forgets_is_refused_with_what_mends_it(
    kafka: KafkaServer,
    admin: AdminClient,
    prefix: str,
    topic: str,
    config: dict[str, str],
    mended: str,
) -> None:
    make(admin, f"{prefix}.{topic}", 4, **config)
    error = await refusal(f"{kafka.url}/{prefix}?partitions=4")
    assert f"Topic {prefix}.{topic} " in error.message
    assert f"--entity-name {prefix}.{topic} --add-config {mended}" in error.hint
    # The command does what it says.
    name, value = mended.split("=")
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{prefix}.{topic}", incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(10)
    async with asyncio.timeout(10):
        while admin.describe_configs([resource])[resource].result(10)[name].value != value:
            await asyncio.sleep(0.05)
    async with opened(f"{kafka.url}/{prefix}?partitions=4") as broker:
        await broker.check()


async def test_all_that_is_wrong_with_a_topic_is_told_at_once(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    config = {"retention.bytes": "1000000", "message.timestamp.type": "CreateTime"}
    make(admin, f"{prefix}.audio", 4, **config)
    error = await refusal(f"{kafka.url}/{prefix}?partitions=4")
    assert "message.timestamp.type=LogAppendTime,retention.bytes=-1" in error.hint


async def test_foreign_messages_are_told_and_passed_over(kafka: KafkaServer, prefix: str) -> None:
    async with opened(f"{kafka.url}/{prefix}?partitions=1") as broker:
        stranger = Producer({"bootstrap.servers": kafka.address})
        for key in (None, b"no call", b"\xff/\xff", b"a/../b"):
            stranger.produce(f"{prefix}.audio", b"foreign", key)
        stranger.flush(10)
        await broker.publish(Topic.AUDIO, KEY, b"ours")
        with structlog.testing.capture_logs() as logs:
            consumer = broker.consume(Topic.AUDIO, Group.LIVE)
            assert isinstance(consumer, KafkaConsumer)
            assert values_of(await collect(consumer, 1, release=True)) == [b"ours"]
        told = [line["position"] for line in logs if line["event"] == "foreign_message"]
        assert told == [0]
        assert consumer.foreign.count == 4


async def test_what_is_published_by_a_clock_that_is_wrong_is_kept_by_kafkas_own(
    kafka: KafkaServer, prefix: str
) -> None:
    """Kafka refuses a writer's time that is more than an hour ahead, and forgets by it."""
    async with opened(f"{kafka.url}/{prefix}?partitions=1"):
        stranger = Producer({"bootstrap.servers": kafka.address})
        outcomes: list[KafkaError | None] = []
        for wrong_s in (-90 * 86_400, 90 * 86_400):
            ms = int((time.time() + wrong_s) * 1000)
            stranger.produce(
                f"{prefix}.audio",
                b"x",
                partition=0,
                timestamp=ms,
                on_delivery=lambda error, _: outcomes.append(error),
            )
        stranger.flush(10)
        assert outcomes == [None, None]
        reader = Consumer({"bootstrap.servers": kafka.address, "group.id": prefix})
        reader.assign([TopicPartition(f"{prefix}.audio", 0, 0)])
        found = reader.consume(2, timeout=10)
        reader.close()
        assert [message.timestamp()[0] for message in found] == [TIMESTAMP_LOG_APPEND_TIME] * 2
        assert all(abs(each.timestamp()[1] / 1000 - time.time()) < 60 for each in found)


async def test_a_producer_that_failed_for_good_is_replaced(kafka: KafkaServer, prefix: str) -> None:
    async with opened(f"{kafka.url}/{prefix}?partitions=1") as broker:
        await broker.publish(Topic.AUDIO, KEY, b"before")
        producer = broker._producer
        assert producer is not None
        fail_for_good(producer._line.producer)
        broker.publish(Topic.CAPTIONS, KEY, b"a caption")  # lost, and nobody is told
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(Unavailable):
                    await broker.publish(Topic.AUDIO, KEY, b"after")
                    break
                await asyncio.sleep(0.05)
        await broker.check()
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        assert values_of(await collect(consumer, 2)) == [b"before", b"after"]


def fail_for_good(producer: Producer) -> None:
    """Have librdkafka raise a fatal error, by its own function for tests."""
    with Path("/proc/self/maps").open() as maps:
        paths = {line.split()[-1] for line in maps if "librdkafka" in line}
    if not paths:
        pytest.skip("librdkafka is not a library of its own here")
    fail = ctypes.CDLL(paths.pop()).rd_kafka_test_fatal_error
    fail.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    handle = ctypes.c_void_p.from_address(id(producer) + object.__basicsize__)
    fail(handle, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, b"for a test")


async def test_a_partition_that_was_paused_when_it_moved_is_read_where_it_comes_back(
    kafka: KafkaServer, prefix: str
) -> None:
    async with opened(f"{kafka.url}/{prefix}?partitions=1") as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        (assigned,) = await consumer.receive()
        assert assigned == Assigned(f"{prefix}.audio-0")
        assert isinstance(consumer, KafkaConsumer)
        consumer.pause(f"{prefix}.audio-0")
        member = consumer._member
        places = [TopicPartition(f"{prefix}.audio", 0)]

        def move() -> None:
            """As librdkafka does, from its poll, once the member's session has ended."""
            member._lost(member._consumer, places)
            member._assigned(member._consumer, places)

        member._commands.put(move)
        await publish_all(broker, Topic.AUDIO, KEY, numbered(3))
        found: list[Delivery | Assigned | Revoked] = []
        async with asyncio.timeout(20):
            while len(found) < 5:
                found += await consumer.receive()
        assert values_of([each for each in found if isinstance(each, Delivery)]) == numbered(3)


async def test_a_partition_that_has_just_come_may_be_rewound(
    kafka: KafkaServer, prefix: str
) -> None:
    """Kafka's client refuses to seek in it, at first."""
    async with opened(f"{kafka.url}/{prefix}?partitions=1") as broker:
        await publish_all(broker, Topic.AUDIO, KEY, numbered(5))
        first = broker.consume(Topic.AUDIO, Group.LIVE)
        for delivery in (await collect(first, 5))[:2]:
            first.release(delivery)
        await first.aclose()
        second = broker.consume(Topic.AUDIO, Group.LIVE)
        come, *_ = await second.receive()  # on a busy machine with what lies there
        assert come == Assigned(f"{prefix}.audio-0")
        second.rewind(f"{prefix}.audio-0")
        assert values_of(await collect(second, 3)) == numbered(5)[2:]


async def test_a_consumer_whose_thread_has_failed_says_so_and_others_go_on(
    kafka: KafkaServer, prefix: str
) -> None:
    def fails() -> None:
        raise ValueError("a mistake")

    url = f"{kafka.url}/{prefix}?partitions=1"
    async with opened(url) as broker, opened(url) as another:
        await publish_all(broker, Topic.AUDIO, KEY, numbered(3))
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        assert isinstance(consumer, KafkaConsumer)
        await collect(consumer, 3)
        await broker.check()
        consumer._member._commands.put(fails)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(consumer.receive(), 10)
        with pytest.raises(Unavailable, match="failed"):
            await broker.check()
        await consumer.aclose()
        with pytest.raises(Unavailable, match="failed"):
            await broker.check()
        taker = another.consume(Topic.AUDIO, Group.LIVE)
        assert values_of(await collect(taker, 3)) == numbered(3)
        await another.check()


async def test_messages_that_expired_are_told_and_leapt_over(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    url = f"{kafka.url}/{prefix}?partitions=1"
    async with opened(url) as broker:
        consumer = broker.consume(Topic.AUDIO, Group.LIVE)
        await publish_all(broker, Topic.AUDIO, KEY, numbered(20))
        for delivery in (await collect(consumer, 20))[:5]:
            consumer.release(delivery)
        await consumer.aclose()
        place = TopicPartition(f"{prefix}.audio", 0, 12)
        admin.delete_records([place])[place].result(10)
        with structlog.testing.capture_logs() as logs:
            again = await collect(broker.consume(Topic.AUDIO, Group.LIVE), 8)
        assert values_of(again) == numbered(20)[12:]
        (told,) = [line for line in logs if line["event"] == "messages_expired"]
        assert told["messages"] == 7
        with structlog.testing.capture_logs() as logs:  # of a group that has read nothing yet
            first = await collect(broker.consume(Topic.AUDIO, Group.RECORD), 8)
        assert values_of(first) == numbered(20)[12:]
        (told,) = [line for line in logs if line["event"] == "older_messages_gone"]
        assert told["messages"] == 12


@pytest.mark.slow
async def test_start_waits_for_a_broker_that_is_not_there_yet_and_says_which(
    kafka: KafkaServer, prefix: str
) -> None:
    kafka.pause()
    broker = KafkaBroker(f"{kafka.url}/{prefix}?partitions=1")
    with structlog.testing.capture_logs() as logs:
        starting = asyncio.create_task(broker.start())
        try:
            async with asyncio.timeout(30):
                while not logs:
                    await asyncio.sleep(0.05)
        finally:
            kafka.wake()
        await asyncio.wait_for(starting, 30)
    assert logs[0]["event"] == "kafka_unreachable"
    assert logs[0]["url"] == kafka.url
    await broker.check()
    await broker.aclose()


async def test_a_topic_that_was_deleted_is_noticed(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    url = f"{kafka.url}/{prefix}?partitions=1"
    async with opened(url) as broker:
        await broker.check()
        admin.delete_topics([f"{prefix}.finals"])[f"{prefix}.finals"].result(10)
        said = ""
        async with asyncio.timeout(20):
            while not said:
                await asyncio.sleep(0.1)
                try:
                    await broker.check()
                except Unavailable as error:
                    said = error.message
        assert f"{prefix}.finals" in said
        async with opened(url):  # whoever starts makes it again
            await broker.check()


# --- whose log it is -------------------------------------------------------------------


async def started(url: str, installation: str | None) -> None:
    broker = KafkaBroker(url, installation)
    try:
        await broker.start()
    finally:
        await broker.aclose()


@pytest.mark.slow
async def test_a_log_belongs_to_who_took_it_first(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    url = f"{kafka.url}/{prefix}?partitions=1"
    await started(url, "mine")
    await started(url, "mine")
    await KafkaBroker(url, "mine").probe()
    for attempt in (started(url, "another"), KafkaBroker(url, "another").probe()):
        with pytest.raises(SettingError) as refused:
            await attempt
        assert "another installation (mine; this one is another)" in refused.value.message
    assert refused.value.hint.endswith(
        f"kafka-topics.sh --bootstrap-server {kafka.address} --delete --topic {prefix}.log"
    )
    with pytest.raises(SettingError, match="has no calls yet"):
        await KafkaBroker(url, "").probe()
    admin.delete_topics([f"{prefix}.log"])[f"{prefix}.log"].result(10)
    await started(url, "another")


async def test_of_several_that_take_a_log_at_once_one_has_it(
    kafka: KafkaServer, prefix: str
) -> None:
    url = f"{kafka.url}/{prefix}?partitions=1"
    mine, theirs = [started(url, "mine") for _ in range(2)], started(url, "theirs")
    *ours, other = await asyncio.gather(*mine, theirs, return_exceptions=True)
    if other is None:
        assert all(isinstance(each, SettingError) for each in ours)
    else:
        assert ours == [None, None]
        assert isinstance(other, SettingError)


async def test_looking_at_a_log_makes_nothing_and_finds_what_is_wrong(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    url = f"{kafka.url}/{prefix}?partitions=2"
    assert await KafkaBroker(url, "").probe() == kafka.url
    assert not [name for name in admin.list_topics(timeout=10).topics if prefix in name]
    make(admin, f"{prefix}.finals", 3)
    with pytest.raises(SettingError, match="has 3 partitions and not 2"):
        await KafkaBroker(url, "").probe()


async def test_a_mark_that_says_nothing_we_know_is_refused(
    kafka: KafkaServer, admin: AdminClient, prefix: str
) -> None:
    make(admin, f"{prefix}.log", 1)
    producer = Producer({"bootstrap.servers": kafka.address})
    producer.produce(f"{prefix}.log", b'{"version": 99}')
    producer.flush(10)
    with pytest.raises(SettingError, match="another version"):
        await started(f"{kafka.url}/{prefix}?partitions=1", "mine")
