"""A group's member on one topic of the file broker.

What was just written comes straight from memory, as long as its reader keeps up; what is
older is read from the files, one piece at a time for the whole consumer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from twicetold.broker import Assigned, Delivery, Foreign, Revoked
from twicetold.broker.file.partition import Partition
from twicetold.broker.file.positions import SLOTS
from twicetold.broker.file.records import TOPIC_BYTES
from twicetold.broker.file.subscription import Subscription
from twicetold.errors import CorruptLog

_log = structlog.get_logger()

_BATCH_BYTES = 1024 * 1024
_READ_AGAIN_AFTER_S = 1.0

Found = tuple[list[tuple[int, bytes]], int]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is held in memory, and open."""

    pending_bytes: int = 64 * 1024 * 1024  # waiting for the writer
    tail_bytes: int = 2 * 1024 * 1024  # written and not received, per consumer and partition
    held_bytes: int = 64 * 1024 * 1024  # the same, per consumer
    read_bytes: int = 512 * 1024  # a piece that is read from a file
    listener_bytes: int = 4 * 1024 * 1024
    open_files: int = 512


class FileConsumer:
    """One member of a group. ``read`` reads in a thread: (partition, start, stop, topic byte)."""

    def __init__(
        self,
        slot: int,
        limits: Limits,
        read: Callable[[Partition, int, int, int], asyncio.Future[Found]],
        *,
        moved: Callable[[Partition], None],
        closed: Callable[[FileConsumer], None],
    ) -> None:
        self.slot = slot
        self.foreign = Foreign()
        self._limits, self._read = limits, read
        self._on_moved, self._on_closed = moved, closed
        self._subscriptions: dict[str, Subscription] = {}
        self._ready: deque[Subscription | Revoked] = deque()
        self._to_read: deque[Subscription] = deque()
        self._reading = False
        self._fronts = 0  # pieces that were read and are not handed out yet
        self._tail_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    # --- for the broker --------------------------------------------------------

    def attach(self, partition: Partition) -> None:
        """Take the partition on, from the group's position."""
        subscription = Subscription(partition, partition.positions[self.slot])
        self._subscriptions[partition.name] = subscription
        partition.subscriptions[self.slot] = subscription
        self._enqueue(subscription)  # to be announced
        self._go_on(subscription)

    def detach(self, partition: Partition) -> None:
        """Give the partition up: it is no more, or cannot be read."""
        subscription = self._subscriptions.pop(partition.name, None)
        if subscription is None:
            return
        self._give_up(subscription)
        if subscription.announced:
            self._ready.append(Revoked(partition.name))
            self._wake()

    def offer(self, subscription: Subscription, delivery: Delivery) -> None:
        """Take the message that was just written to one of the partitions."""
        self._tail_bytes += subscription.offer(delivery, self._limits.tail_bytes)
        if self._tail_bytes > self._limits.held_bytes:
            self._tail_bytes -= subscription.drop_tail()
        self._go_on(subscription)

    # --- the port --------------------------------------------------------------

    async def receive(self) -> list[Delivery | Assigned | Revoked]:
        while True:
            out = self._take()
            if out or self._closed:
                return out
            if self._waiter is not None:
                raise RuntimeError("expected one reader of a consumer but got two")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def release(self, delivery: Delivery) -> None:
        subscription = self._subscriptions.get(delivery.partition)
        if subscription is not None:
            subscription.unreleased.pop(delivery.position, None)
            self._on_moved(subscription.partition)

    def pause(self, partition: str) -> None:
        subscription = self._subscriptions.get(partition)
        if subscription is not None:
            self._fronts -= bool(subscription.front)
            self._tail_bytes -= subscription.pause()
            self._read_on()

    def resume(self, partition: str) -> None:
        subscription = self._subscriptions.get(partition)
        if subscription is not None and subscription.paused:
            subscription.resume()
            self._go_on(subscription)

    def rewind(self, partition: str) -> None:
        subscription = self._subscriptions.get(partition)
        if subscription is not None:
            self.detach(subscription.partition)
            self.attach(subscription.partition)

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """End; what was not released is delivered again to whoever joins the group next."""
        if self._closed:
            return
        self._closed = True
        for subscription in self._subscriptions.values():
            self._give_up(subscription)
        self._subscriptions.clear()
        self._ready.clear()
        self._to_read.clear()
        self._wake()
        self._on_closed(self)

    # --- inside ----------------------------------------------------------------

    def _take(self) -> list[Delivery | Assigned | Revoked]:
        out: list[Delivery | Assigned | Revoked] = []
        room = _BATCH_BYTES
        while self._ready and room > 0:
            item = self._ready.popleft()
            if isinstance(item, Revoked):
                out.append(item)
                continue
            item.queued = False
            if item.closed:
                continue
            if not item.announced:
                item.announced = True
                out.append(Assigned(item.partition.name))
            if item.ready:
                room -= self._take_some(item, out, room)
            self._go_on(item)
        return out

    def _take_some(
        self, subscription: Subscription, out: list[Delivery | Assigned | Revoked], room: int
    ) -> int:
        had_front = bool(subscription.front)
        taken = subscription.take(out, room)
        if not had_front:
            self._tail_bytes -= taken
        elif not subscription.front:
            self._fronts -= 1
            self._read_on()
        return taken

    def _go_on(self, subscription: Subscription) -> None:
        """See that what the subscription has to give comes its way."""
        if subscription.ready:
            self._enqueue(subscription)
        elif subscription.behind and not subscription.paused and not subscription.lagging:
            subscription.lagging = True
            self._to_read.append(subscription)
            self._read_on()

    def _enqueue(self, subscription: Subscription) -> None:
        if not subscription.queued:
            subscription.queued = True
            self._ready.append(subscription)
            self._wake()

    def _read_on(self) -> None:
        """Read the next piece, unless one is being read or waits to be received."""
        while self._to_read and not self._reading and not self._fronts and not self._closed:
            subscription = self._to_read.popleft()
            if subscription.closed or subscription.paused or not subscription.behind:
                subscription.lagging = False
                continue
            self._reading = True
            future = self._read(
                subscription.partition,
                subscription.cursor,
                subscription.tail_from,
                TOPIC_BYTES[SLOTS[self.slot][0]],
            )
            future.add_done_callback(partial(self._have_read, subscription, subscription.reads))

    def _have_read(
        self, subscription: Subscription, reads: int, future: asyncio.Future[Found]
    ) -> None:
        self._reading = False
        subscription.lagging = False
        if future.cancelled():
            return
        try:
            found, cursor = future.result()
        except CorruptLog as error:
            self._break_off(subscription, error)
        except OSError as error:
            self._read_later(subscription, error)
        else:
            if reads == subscription.reads:  # neither paused nor closed meanwhile
                key, name = subscription.partition.key, subscription.partition.name
                subscription.extend(
                    [Delivery(name, position, key, value) for position, value in found], cursor
                )
                self._fronts += bool(found)
            if not subscription.closed:
                self._go_on(subscription)
        self._read_on()

    def _break_off(self, subscription: Subscription, error: CorruptLog) -> None:
        """A log that was whole at the start has been damaged since: no other call suffers."""
        if subscription.closed:
            return
        _log.error("broker_log_damaged", call=subscription.partition.name, error=error.message)
        subscription.partition.break_off(error)
        self.detach(subscription.partition)

    def _read_later(self, subscription: Subscription, error: OSError) -> None:
        if subscription.closed:
            return
        _log.warning("broker_read_failed", call=subscription.partition.name, error=error.strerror)
        subscription.lagging = True
        asyncio.get_running_loop().call_later(_READ_AGAIN_AFTER_S, self._retry, subscription)

    def _retry(self, subscription: Subscription) -> None:
        subscription.lagging = False
        if not subscription.closed:
            self._go_on(subscription)

    def _give_up(self, subscription: Subscription) -> None:
        partition = subscription.partition
        partition.positions[self.slot] = subscription.position()
        partition.subscriptions[self.slot] = None
        self._fronts -= bool(subscription.front)
        self._tail_bytes -= subscription.close()
        self._on_moved(partition)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
