"""Reading one stream from an offset on, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from twicetold.broker.rabbitmq.link import LinkLost, RabbitLink, losing
from twicetold.broker.shared import tell_missing

log = structlog.get_logger()

PREFETCH = 64  # what RabbitMQ sends before it wants to hear that some of it has arrived
_ACK_EVERY = PREFETCH // 2
_ACK_WITHIN_S = 1.0  # RabbitMQ closes the channel of who holds a message for half an hour
_CLOCKS_S = 5.0  # by which RabbitMQ's clock may differ from ours
# A segment of a stream may begin with an entry of RabbitMQ's own, which takes an offset.
_ENTRIES_OF_ITS_OWN = 1

Start = int | Literal["first", "next"]
Deliver = Callable[[int, AbstractIncomingMessage], None]


class RabbitReader:
    """Gives each message to ``deliver`` once, with its offset, in order. ``start`` is an offset,
    ``first`` (the oldest there is) or ``next`` (what comes once ``positioned`` is done).

    While ``may_go_on`` says no, what has arrived is not acknowledged, and RabbitMQ stops after
    ``PREFETCH`` messages and the rest of a chunk; ``acknowledge`` looks again.
    """

    def __init__(
        self,
        link: RabbitLink,
        stream: str,
        start: Start,
        deliver: Deliver,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self._link, self.stream, self.start = link, stream, start
        self._deliver, self._may_go_on = deliver, may_go_on
        self._loop = asyncio.get_running_loop()
        self._expected = start if isinstance(start, int) else None
        self._channel: AbstractChannel | None = None
        self._latest: AbstractIncomingMessage | None = None  # that was not acknowledged
        self._unacknowledged = 0
        self._acknowledging: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._positioned_at: datetime | None = None
        self.positioned: asyncio.Future[None] = self._loop.create_future()
        self._task = asyncio.create_task(link.serve(self._read))

    def stop(self) -> None:
        """Deliver nothing more, from now on."""
        self._channel = None
        self._latest = None
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()
        if not self.positioned.done():
            self.positioned.set_result(None)

    def acknowledge(self) -> None:
        """Let RabbitMQ send more, if that is wanted."""
        if self._latest is None or self._acknowledging is not None or not self._may_go_on():
            return
        latest, self._latest, self._unacknowledged = self._latest, None, 0
        self._acknowledging = asyncio.create_task(self._acknowledge(latest))

    # --- inside --------------------------------------------------------------------

    async def _read(self, channel: AbstractChannel, over: asyncio.Event) -> None:
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.get_queue(self.stream, ensure=False)
        self._channel, self._latest, self._unacknowledged = channel, None, 0
        await queue.consume(
            partial(self._take, channel), arguments={"x-stream-offset": self._begin()}
        )
        if not self.positioned.done():
            self._positioned_at = datetime.now(UTC)
            self.positioned.set_result(None)
        await over.wait()

    def _begin(self) -> Start | datetime:
        """Behind what was delivered; or, for one that began with ``next`` and has seen nothing
        since, the time at which that was."""
        if self._expected is not None:
            return self._expected
        if self.start == "next" and self._positioned_at is not None:
            return self._positioned_at - timedelta(seconds=_CLOCKS_S)
        return self.start

    async def _take(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        if channel is not self._channel:
            return
        self._latest = message
        self._unacknowledged += 1
        try:
            self._pass_on(message)
        except Exception:
            log.exception("rabbitmq_message_failed", partition=self.stream)
        self._acknowledge_in_time()

    def _pass_on(self, message: AbstractIncomingMessage) -> None:
        offset = message.headers.get("x-stream-offset")
        assert isinstance(offset, int), "a stream's message has an offset"
        if self._expected is not None and offset < self._expected:
            return
        anew = self._expected is None and self.start == "first"
        tell_missing(self.stream, self._expected, offset, anew=anew, spare=_ENTRIES_OF_ITS_OWN)
        self._expected = offset + 1
        self._deliver(offset, message)

    def _acknowledge_in_time(self) -> None:
        if self._unacknowledged >= _ACK_EVERY:
            self.acknowledge()
        elif self._timer is None:
            self._timer = self._loop.call_later(_ACK_WITHIN_S, self._time_has_come)

    def _time_has_come(self) -> None:
        self._timer = None
        self.acknowledge()

    async def _acknowledge(self, latest: AbstractIncomingMessage) -> None:
        try:
            with losing():
                await latest.ack(multiple=True)
        except LinkLost:
            pass  # and with it what was to be acknowledged: the stream is read on from its offset
        finally:
            self._acknowledging = None
        if self._latest is not None:
            self._acknowledge_in_time()
