"""A group's member on one topic in Kafka, as the port has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from confluent_kafka import Consumer as KafkaClient

from twicetold.broker import Assigned, Delivery, Foreign, Revoked
from twicetold.broker.feed import Feed
from twicetold.broker.kafka.member import KafkaMember
from twicetold.broker.kafka.stays import Positions
from twicetold.errors import Unavailable

_COMMIT_INTERVAL_S = 1.0


class KafkaConsumer:
    """Positions are committed once a second, and when a partition or the member leaves."""

    def __init__(
        self,
        client: KafkaClient,
        topic: str,
        *,
        closed: Callable[[KafkaConsumer], None],
        failed: Callable[[Unavailable], None],
    ) -> None:
        """``failed`` is called, from any thread, when it can do nothing more."""
        self._on_closed = closed
        self._feed = Feed(moved=self._moved, has_room=lambda: None)
        self._member = KafkaMember(client, topic, self._feed, failed)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._committed: Positions = {}
        self._closing: asyncio.Task[None] | None = None

    @property
    def joined(self) -> bool:
        """Whether the group has given this member its share, which may be none."""
        return self._member.joined.is_set()

    @property
    def foreign(self) -> Foreign:
        return self._member.foreign

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        """Raises Unavailable once it has failed."""
        return await self._feed.receive()

    def release(self, delivery: Delivery) -> None:
        self._feed.release(delivery)

    def pause(self, partition: str) -> None:
        number = self._feed.number_of(partition)
        if number is not None and self._feed.pause(partition):
            self._member.pause(partition, number)

    def resume(self, partition: str) -> None:
        number = self._feed.number_of(partition)
        if number is not None and self._feed.resume(partition):
            self._member.resume(partition, number)

    def rewind(self, partition: str) -> None:
        before = self._feed.number_of(partition)
        begun = self._feed.restart(partition)
        if before is not None and begun is not None:
            self._member.rewind(partition, before, *begun)

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        positions = self._feed.stays()
        self._feed.end()
        await self._member.aclose(positions)
        self._on_closed(self)

    def _moved(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_COMMIT_INTERVAL_S, self._commit)

    def _commit(self) -> None:
        self._timer = None
        stays = self._feed.stays()
        changed = {name: stay for name, stay in stays.items() if self._committed.get(name) != stay}
        self._committed = stays
        if changed:
            self._member.commit(changed)
