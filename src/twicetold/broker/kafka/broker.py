"""The broker in Kafka: three topics, keyed by tenant and call, each partition carrying many calls.

librdkafka (confluent-kafka) does the network in threads of its own; each producer, group member
and listener here has one Python thread that polls it. What is published waits there while Kafka
is away, up to a bound, and is sent once, in order (idempotent producer).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import structlog
from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from twicetold.broker import Broker, Consumer, Group, Listener, Topic
from twicetold.broker.kafka.consumer import KafkaConsumer
from twicetold.broker.kafka.listener import KafkaListener
from twicetold.broker.kafka.options import KafkaOptions
from twicetold.broker.kafka.owner import claim_log, inspect_owner
from twicetold.broker.kafka.producer import KafkaProducer
from twicetold.broker.kafka.topics import inspect_topics, prepare_topics
from twicetold.broker.keys import encode_key, partition_of
from twicetold.broker.shared import check_group, until_reached
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

_log = structlog.get_logger()

_CHECK_S = 1.5
_RUNNING = (
    "Is Kafka running there? See the setting broker. Kafka's port for TLS needs ?tls=true in that "
    "URL, and its port without TLS none."
)


class KafkaBroker(Broker):
    """``url`` is ``kafka://host:port,…/prefix?partitions=12&retention_h=24``. A log that belongs to
    another ``installation`` is refused, one that is nobody's becomes its own; None does not ask."""

    def __init__(self, url: str, installation: str | None = None) -> None:
        """Raises SettingError."""
        self._options = KafkaOptions.parse(url, installation)
        self._topics = {topic: self._options.topic(topic) for topic in Topic}
        self._producer: KafkaProducer | None = None
        self._members: set[KafkaConsumer] = set()
        self._listeners: set[KafkaListener] = set()
        self._last_error = ""
        self._failure: Unavailable | None = None
        self._closed = False

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._delivered: asyncio.Future[None] = loop.create_future()
        self._delivered.set_result(None)  # one for all captions: they are never waited for
        await until_reached(
            self._prepare,
            KafkaException,
            lambda error: (self._why(error), _RUNNING if self._last_error else ""),
            event="kafka_unreachable",
            shown=self._options.url.shown,
        )
        self._producer = KafkaProducer(self._options, self._failed)

    async def _prepare(self) -> None:
        # A new one each time: an address that was wrong a moment ago may be right now.
        self._admin = AdminClient(self._options.client(self._note))
        self._last_error = ""
        try:
            await asyncio.to_thread(prepare_topics, self._admin, self._options)
            if self._options.installation is not None:
                await asyncio.to_thread(claim_log, self._admin, self._options, self._note)
        finally:
            self._admin.poll(0)  # what it has to say of its errors, it says when it is asked

    async def probe(self) -> str:
        """Where Kafka answers, and what of ours is there is as it must be; makes nothing. Raises
        Unavailable, and SettingError as ``start`` does."""
        admin = AdminClient(self._options.client(self._note))
        shown = self._options.url.shown
        try:
            await asyncio.to_thread(admin.list_topics, timeout=2 * _CHECK_S)
            await asyncio.to_thread(inspect_topics, admin, self._options)
            if self._options.installation is not None:
                await asyncio.to_thread(inspect_owner, admin, self._options, self._note)
        except KafkaException as error:
            admin.poll(0)
            raise Unavailable(f"{shown} does not answer: {self._why(error)}.", _RUNNING) from None
        return shown

    async def check(self) -> None:
        if self._producer is None or self._closed:
            raise Unavailable("The broker is not running.", "The server is starting or stopping.")
        if self._failure is not None:
            raise Unavailable(self._failure.message, self._failure.hint)
        try:
            found = await asyncio.to_thread(self._admin.list_topics, timeout=_CHECK_S)
        except KafkaException:
            raise Unavailable(
                f"{self._options.url.shown} does not answer.",
                "What was acknowledged is kept; it goes on by itself.",
                away=True,
            ) from None
        if gone := sorted(set(self._topics.values()) - found.topics.keys()):
            raise Unavailable(
                f"Kafka has lost the topic {gone[0]}.", "Restart a role: it makes what is missing."
            )
        if not all(member.joined for member in self._members):
            raise Unavailable("The consumer group is being joined.", "Wait a moment.")

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        if self._producer is None:
            raise Unavailable("The broker is not running.", "The server is starting.")
        if not isinstance(value, bytes):
            raise TypeError(f"expected bytes to publish but got {type(value).__name__}")
        raw = encode_key(key)
        partition = partition_of(raw, self._options.partitions)
        if topic is Topic.CAPTIONS:
            self._producer.pass_on(self._topics[topic], partition, raw, value)
            return self._delivered
        return self._producer.publish(self._topics[topic], partition, raw, value)

    def consume(self, topic: Topic, group: Group) -> Consumer:
        check_group(topic, group)
        client = KafkaClient(self._options.member(topic, group, self._note))
        member = KafkaConsumer(
            client, self._topics[topic], closed=self._members.discard, failed=self._failed
        )
        self._members.add(member)
        return member

    def listen(self, topic: Topic) -> Listener:
        client = KafkaClient(self._options.listener(self._note))
        listener = KafkaListener(
            client,
            self._topics[topic],
            self._options.partitions,
            closed=self._listeners.discard,
            failed=self._failed,
        )
        self._listeners.add(listener)
        return listener

    async def forget(self, key: CallKey) -> None:
        """A shared log forgets by its retention alone."""

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        closing: list[Any] = [*self._members, *self._listeners]
        await asyncio.gather(*(each.aclose() for each in closing))
        if self._producer is not None:
            await self._producer.aclose()

    def _failed(self, error: Unavailable) -> None:
        """From any thread. Only a new process mends it."""
        self._failure = error

    def _note(self, error: KafkaError) -> None:
        """librdkafka mends what it can; ``start`` and ``check`` say what is the matter."""
        if error.name() != "_ALL_BROKERS_DOWN" or not self._last_error:  # says less than the rest
            self._last_error = error.str()

    def _why(self, error: KafkaException) -> str:
        """The last that was heard of why it is away, without librdkafka's state of mind."""
        said = error.args[0]  # ours has words alone
        heard = self._last_error or (said.str() if isinstance(said, KafkaError) else str(said))
        if "Invalid response size" in heard:  # librdkafka would have us raise a limit
            return "it does not answer as Kafka does"
        return heard.partition(" (after ")[0]
