"""A group's member on a topic's streams in RabbitMQ, as the port has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from aio_pika.abc import AbstractIncomingMessage

from twicetold.broker import Assigned, Coordination, Delivery, Foreign, Group, Revoked, Topic
from twicetold.broker.feed import Feed
from twicetold.broker.keys import decode_key
from twicetold.broker.rabbitmq.link import RabbitLink
from twicetold.broker.rabbitmq.membership import Membership
from twicetold.broker.rabbitmq.messages import raw_key
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.reader import RabbitReader, Start
from twicetold.broker.rabbitmq.streams import find_log

_ALONE_S = 15.0  # without RabbitMQ for so long, let others try, who may reach it


class RabbitConsumer:
    """Positions are noted once a second, and when a partition or the member leaves."""

    def __init__(
        self,
        options: RabbitOptions,
        coordination: Coordination,
        topic: Topic,
        group: Group,
        *,
        closed: Callable[[RabbitConsumer], None],
    ) -> None:
        self._streams = options.streams(topic)
        self._group = f"{options.url.prefix}.{group}.{topic}"
        self._coordination, self._on_closed = coordination, closed
        self._feed = Feed(moved=self._moved, has_room=self._go_on)
        self._readers: dict[str, RabbitReader] = {}
        self._paused: set[str] = set()
        self.foreign = Foreign()
        self._membership: Membership | None = None
        self._loop = asyncio.get_running_loop()
        self._link = RabbitLink(options, f"{group} {topic}", find_log, self._join)
        self._closing: asyncio.Task[None] | None = None

    @property
    def joined(self) -> bool:
        """Whether it has its share, which may be none, and can read it."""
        return self._link.up and self._membership is not None and self._membership.living

    @property
    def store_away(self) -> bool:
        """Whether it is the session store that keeps it from having its share."""
        return self._membership is not None and self._membership.store_away

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        while batch := await self._feed.receive():
            if self._membership is None or not self._membership.look():
                batch = [item for item in batch if not isinstance(item, Delivery)]
            if batch:
                return batch
        return []

    def release(self, delivery: Delivery) -> None:
        self._feed.release(delivery)

    def pause(self, partition: str) -> None:
        if self._feed.pause(partition):
            self._paused.add(partition)

    def resume(self, partition: str) -> None:
        if self._feed.resume(partition):
            self._paused.discard(partition)
            self._readers[partition].acknowledge()

    def rewind(self, partition: str) -> None:
        if (begun := self._feed.restart(partition)) is not None:
            number, position = begun
            before = self._readers[partition]
            self._stop_reading(partition)
            self._read(partition, number, before.start if position is None else position)

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        positions = self._feed.positions()
        self._feed.end()
        for partition in list(self._readers):
            self._stop_reading(partition)
        if self._membership is not None:
            await self._membership.aclose(positions)
        await self._link.aclose()
        self._on_closed(self)

    # --- for the membership ------------------------------------------------------------

    def gained(self, partition: str, position: int | None) -> None:
        number = self._feed.number()
        self._feed.assign(partition, number, position)
        self._read(partition, number, "first" if position is None else position)

    def lost(self, partition: str) -> None:
        self._feed.revoke(partition)
        self._stop_reading(partition)

    def positions(self) -> dict[str, int]:
        return self._feed.positions()

    def able(self) -> bool:
        return self._link.up or self._loop.time() - self._link.lost_at < _ALONE_S

    # --- inside ------------------------------------------------------------------------

    def _join(self, _: str) -> None:
        """The log is known; or it is another one than before, and its positions are others."""
        if self._closing is not None:
            return
        if self._membership is not None:
            self._membership.abandon()
        group = f"{self._group}.{self._link.log}"
        self._membership = Membership(self._coordination, group, self._streams, self)
        self._membership.begin()

    def _read(self, partition: str, number: int, start: Start) -> None:
        self._readers[partition] = RabbitReader(
            self._link,
            partition,
            start,
            partial(self._deliver, partition, number),
            lambda: not self._feed.full and partition not in self._paused,
        )

    def _stop_reading(self, partition: str) -> None:
        self._paused.discard(partition)
        if (reader := self._readers.pop(partition, None)) is not None:
            reader.stop()

    def _deliver(
        self, partition: str, number: int, offset: int, message: AbstractIncomingMessage
    ) -> None:
        try:
            key = decode_key(raw_key(message))
        except ValueError:
            self.foreign.tell(partition, offset)
            return
        self._feed.put(number, (Delivery(partition, offset, key, message.body),))

    def _moved(self) -> None:
        if self._membership is not None:
            self._membership.moved()

    def _go_on(self) -> None:
        for reader in self._readers.values():
            reader.acknowledge()
