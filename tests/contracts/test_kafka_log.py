"""What Kafka alone can get wrong: topics that are not as they must be, foreign messages, offsets
that have expired, a broker that is not there yet."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
import structlog
from confluent_kafka import Producer, TopicPartition
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

from twicetold.broker import Group, Topic
from twicetold.broker.kafka import KafkaBroker
from twicetold.errors import SettingError
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
        found = {name: settings[name].value for name in ("retention.ms", "segment.ms")}
        assert found == {"retention.ms": "7200000", "segment.ms": "3600000"}


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
    ("config", "mended"),
    [
        ({"cleanup.policy": "compact"}, "--add-config cleanup.policy=delete"),
        ({"retention.ms": "60000"}, "--add-config retention.ms=86400000"),
    ],
)
async def test_a_topic_that_forgets_is_refused_with_what_mends_it(
    kafka: KafkaServer, admin: AdminClient, prefix: str, config: dict[str, str], mended: str
) -> None:
    make(admin, f"{prefix}.finals", 4, **config)
    error = await refusal(f"{kafka.url}/{prefix}?partitions=4")
    assert f"--entity-name {prefix}.finals" in error.hint
    assert mended in error.hint
    # The command does what it says.
    name, value = mended.removeprefix("--add-config ").split("=")
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{prefix}.finals", incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(10)
    async with asyncio.timeout(10):
        while admin.describe_configs([resource])[resource].result(10)[name].value != value:
            await asyncio.sleep(0.05)
    async with opened(f"{kafka.url}/{prefix}?partitions=4") as broker:
        await broker.check()


async def test_foreign_messages_are_told_and_passed_over(kafka: KafkaServer, prefix: str) -> None:
    async with opened(f"{kafka.url}/{prefix}?partitions=1") as broker:
        stranger = Producer({"bootstrap.servers": kafka.address})
        for key in (None, b"no call", b"\xff/\xff", b"a/../b"):
            stranger.produce(f"{prefix}.audio", b"foreign", key)
        stranger.flush(10)
        await broker.publish(Topic.AUDIO, KEY, b"ours")
        with structlog.testing.capture_logs() as logs:
            consumer = broker.consume(Topic.AUDIO, Group.LIVE)
            assert values_of(await collect(consumer, 1, release=True)) == [b"ours"]
        told = [line["position"] for line in logs if line["event"] == "foreign_message"]
        assert told == [0, 1, 2, 3]


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
