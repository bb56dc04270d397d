"""The broker in RabbitMQ: streams, each of which carries many calls.

A stream is a log: it can be read from any offset, as often as is wanted, in order. Queues cannot;
they hand what one consumer had fetched to the next one out of order. Who reads which stream, and
how far the groups are, is kept in the session store (``Coordination``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from twicetold.broker import Broker, Consumer, Coordination, Group, Listener, Topic
from twicetold.broker.keys import encode_key, partition_of
from twicetold.broker.rabbitmq.consumer import RabbitConsumer
from twicetold.broker.rabbitmq.link import LinkLost, losing, open_once
from twicetold.broker.rabbitmq.listener import RabbitListener
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.publisher import RabbitPublisher
from twicetold.broker.rabbitmq.streams import inspect_streams, prepare_streams
from twicetold.broker.shared import check_group, until_reached
from twicetold.errors import Unavailable
from twicetold.speech.identity import CallKey

_CHECK_S = 1.5
_GOES_ON = "What was acknowledged is kept; it goes on by itself."


class RabbitBroker(Broker):
    """``url`` is ``rabbitmq://user:password@host:port,…/prefix?partitions=12&retention_h=24``. A
    log that belongs to another ``installation`` is refused, one that is made becomes its own;
    None does not ask."""

    def __init__(
        self, url: str, coordination: Coordination, installation: str | None = None
    ) -> None:
        """Raises SettingError."""
        self._options = RabbitOptions.parse(url, installation)
        self._coordination = coordination
        self._streams = {topic: self._options.streams(topic) for topic in Topic}
        self._publisher: RabbitPublisher | None = None
        self._members: set[RabbitConsumer] = set()
        self._listeners: set[RabbitListener] = set()
        self._probe: asyncio.Task[bool] | None = None
        self._closed = False

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._delivered: asyncio.Future[None] = loop.create_future()
        self._delivered.set_result(None)  # one for all captions: they are never waited for
        await until_reached(
            lambda: open_once(self._options, "start", prepare_streams),
            LinkLost,
            lambda error: (str(error), error.hint),
            event="rabbitmq_unreachable",
            shown=self._options.url.shown,
        )
        self._publisher = RabbitPublisher(self._options)
        await self._publisher.ready.wait()

    async def check(self) -> None:
        publisher = self._publisher
        if publisher is None or self._closed:
            raise Unavailable("The broker is not running.", "The server is starting or stopping.")
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask(publisher))
        # Not cancelled where it takes too long: it would wait for RabbitMQ to hear of that.
        await asyncio.wait([self._probe], timeout=_CHECK_S)
        if not self._probe.done() or not self._probe.result():
            raise Unavailable(f"{self._options.url.shown} does not answer.", _GOES_ON, away=True)
        waiting = [member for member in self._members if not member.joined]
        if any(member.store_away for member in waiting):
            raise Unavailable(
                "It waits for the session store, which does not answer.",
                "That store keeps who reads which partition. It goes on by itself.",
            )
        if waiting:
            raise Unavailable("The consumer group is being joined.", "Wait a moment.")

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
        if self._publisher is None:
            raise Unavailable("The broker is not running.", "The server is starting.")
        if not isinstance(value, bytes):
            raise TypeError(f"expected bytes to publish but got {type(value).__name__}")
        raw = encode_key(key)
        stream = self._streams[topic][partition_of(raw, self._options.partitions)]
        if topic is Topic.CAPTIONS:
            self._publisher.pass_on(stream, raw, value)
            return self._delivered
        return self._publisher.publish(stream, raw, value)

    def consume(self, topic: Topic, group: Group) -> Consumer:
        check_group(topic, group)
        member = RabbitConsumer(
            self._options, self._coordination, topic, group, closed=self._members.discard
        )
        self._members.add(member)
        return member

    def listen(self, topic: Topic) -> Listener:
        listener = RabbitListener(self._options, topic, closed=self._listeners.discard)
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
        if self._publisher is not None:
            await self._publisher.aclose()
        if self._probe is not None:
            self._probe.cancel()

    async def _ask(self, publisher: RabbitPublisher) -> bool:
        try:
            with losing():
                connection = await publisher.link.connection()
                async with connection.channel() as channel:
                    await channel.declare_queue(self._options.mark, passive=True)
        except LinkLost:
            return False
        return True


_RUNNING = "Is RabbitMQ running there? See the setting broker."


async def probe(url: str, installation: str | None = None) -> str:
    """Where RabbitMQ answers, and what of ours is there is as it must be; makes nothing. Raises
    Unavailable, and SettingError for the URL, who we are, or what is there."""
    options = RabbitOptions.parse(url, installation)
    try:
        await open_once(options, "probe", inspect_streams)
    except LinkLost as error:
        raise Unavailable(f"{options.url.shown}: {error}.", error.hint or _RUNNING) from None
    return options.url.shown
