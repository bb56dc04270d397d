"""A group's member on one topic in Kafka, as the port has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from confluent_kafka import Consumer as KafkaClient

from twicetold.broker import Assigned, Delivery, Revoked
from twicetold.broker.feed import Feed
from twicetold.broker.kafka_member import KafkaMember

_COMMIT_INTERVAL_S = 1.0


class KafkaConsumer:
    """Positions are committed once a second, and when a partition or the member leaves."""

    def __init__(
        self, client: KafkaClient, topic: str, *, closed: Callable[[KafkaConsumer], None]
    ) -> None:
        self._on_closed = closed
        self._feed = Feed(moved=self._moved, has_room=lambda: None)
        self._member = KafkaMember(client, topic, self._feed)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._committed: dict[str, int] = {}
        self._closing: asyncio.Task[None] | None = None

    @property
    def joined(self) -> bool:
        """Whether the group has given this member its share, which may be none."""
        return self._member.joined.is_set()

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        return await self._feed.receive()

    def release(self, delivery: Delivery) -> None:
        self._feed.release(delivery)

    def pause(self, partition: str) -> None:
        if self._feed.pause(partition):
            self._member.pause(partition)

    def resume(self, partition: str) -> None:
        if self._feed.resume(partition):
            self._member.resume(partition)

    def rewind(self, partition: str) -> None:
        if (begun := self._feed.restart(partition)) is not None:
            self._member.rewind(partition, *begun)

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        positions = self._feed.positions()
        self._feed.end()
        await self._member.aclose(positions)
        self._on_closed(self)

    def _moved(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(_COMMIT_INTERVAL_S, self._commit)

    def _commit(self) -> None:
        self._timer = None
        positions = self._feed.positions()
        changed = {n: p for n, p in positions.items() if self._committed.get(n) != p}
        self._committed = positions
        if changed:
            self._member.commit(changed)
