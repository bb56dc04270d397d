"""The servers that other tests rely on: they start, serve, and keep what they have confirmed."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from pathlib import Path

import aio_pika
import pytest
import redis
from aio_pika.abc import AbstractIncomingMessage
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.carriers import kafka_jars
from tests.carriers.kafka_server import KafkaServer, needs_kafka
from tests.carriers.rabbitmq_server import RabbitServer, needs_rabbitmq
from tests.carriers.redis_server import RedisServer, needs_redis

pytestmark = pytest.mark.integration

WORDS = [b"one", b"two", b"three"]


@needs_kafka()
@pytest.mark.slow
def test_kafka_keeps_what_it_confirmed_when_it_is_killed(tmp_path: Path) -> None:
    with KafkaServer(tmp_path) as server:
        topic = _produced(server, WORDS[:2])
        server.restart()
        _produce(server, topic, WORDS[2:])
        assert _consumed(server, topic, len(WORDS)) == WORDS


@needs_rabbitmq()
@pytest.mark.slow
async def test_rabbitmq_keeps_what_it_confirmed_when_it_is_killed(tmp_path: Path) -> None:
    with RabbitServer(tmp_path) as server:
        stream = f"words-{uuid.uuid4().hex}"
        await _publish(server, stream, WORDS[:2])
        server.restart()
        await _publish(server, stream, WORDS[2:])
        assert await _streamed(server, stream, len(WORDS)) == WORDS


@needs_redis()
def test_redis_keeps_what_it_confirmed_when_it_is_killed(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("word", "one")
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("word") == b"one"


@needs_redis()
def test_a_paused_server_answers_nobody_until_it_wakes(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        server.pause()
        assert not server.answers()
        server.wake()
        assert server.answers()


@needs_kafka()
def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    server = KafkaServer(tmp_path, {"log.retention.bytes": "a lot"})
    with pytest.raises(RuntimeError, match=r"retention\.bytes"):
        server.start()
    assert not server.running


@needs_kafka()
def test_a_jar_that_was_not_pinned_is_refused(tmp_path: Path) -> None:
    jars = tmp_path / "jars"
    shutil.copytree(kafka_jars.folder(), jars)
    kafka_jars.check(jars)
    (jars / "jopt-simple-5.0.4.jar").write_bytes(b"another")
    with pytest.raises(RuntimeError, match=r"names: jopt-simple-5\.0\.4\.jar$"):
        kafka_jars.check(jars)


def _produced(server: KafkaServer, values: list[bytes]) -> str:
    topic = f"words-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": server.address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    _produce(server, topic, values)
    return topic


def _produce(server: KafkaServer, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": server.address, "acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(10) == 0


def _consumed(server: KafkaServer, topic: str, number: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": server.address, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        return [message.value() for message in consumer.consume(number, timeout=20)]
    finally:
        consumer.close()


async def _publish(server: RabbitServer, stream: str, values: list[bytes]) -> None:
    async with await aio_pika.connect(server.amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(stream, durable=True, arguments={"x-queue-type": "stream"})
        for value in values:
            await channel.default_exchange.publish(aio_pika.Message(value), stream)


async def _streamed(server: RabbitServer, stream: str, number: int) -> list[bytes]:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: AbstractIncomingMessage) -> None:
        await message.ack()
        heard.put_nowait(message.body)

    async with await aio_pika.connect(server.amqp_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)
        queue = await channel.get_queue(stream)
        await queue.consume(hear, arguments={"x-stream-offset": "first"})
        async with asyncio.timeout(20):
            return [await heard.get() for _ in range(number)]
