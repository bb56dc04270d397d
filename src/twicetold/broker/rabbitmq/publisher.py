"""Publishing to RabbitMQ's streams: in order, each message until it is confirmed."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import DeliveryError

from twicetold.broker.rabbitmq.link import LinkLost, RabbitLink, ended, losing
from twicetold.broker.rabbitmq.messages import message_of
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.streams import prepare_streams
from twicetold.errors import Overloaded, Unavailable

_log = structlog.get_logger()

_PENDING_BYTES = 64 * 1024 * 1024  # not confirmed; beyond it publishing says Overloaded
_CAPTIONS_PENDING_BYTES = 4 * 1024 * 1024  # while more waits than this, captions are dropped
_OVERHEAD_BYTES = 512  # of a message that waits, beside its payload, about
# Sent and not confirmed. RabbitMQ may store all of it as one chunk, and hands whole chunks to
# readers, whatever these have asked for: so this bounds what a reader must hold as well.
_IN_FLIGHT, _IN_FLIGHT_BYTES = 1_000, 2 * 1024 * 1024
_LAST_WORDS_S = 10.0

Receipt = asyncio.Future[None]


@dataclass(slots=True, eq=False)
class _Pending:
    stream: str
    key: bytes
    value: bytes
    receipt: Receipt | None  # None: nobody waits for it, and it is not sent twice

    @property
    def size(self) -> int:
        return len(self.value) + _OVERHEAD_BYTES


class RabbitPublisher:
    """What was not confirmed when a connection was lost is sent again on the next one, in the
    order in which it was published: a message may come twice, but none before its predecessor has.
    """

    def __init__(self, options: RabbitOptions) -> None:
        self._loop = asyncio.get_running_loop()
        self.link = RabbitLink(options, "publish", prepare_streams)
        self._pending: dict[_Pending, None] = {}  # in order
        self._unsent: deque[_Pending] = deque()  # the end of these
        self._bytes = 0
        self._exchange: AbstractExchange | None = None
        self._sending: dict[asyncio.Task[None], int] = {}  # size of its message
        self._sending_bytes = 0
        self._emptied: asyncio.Future[None] | None = None
        self._closing = False
        self.ready = asyncio.Event()  # for the first message
        self._task = asyncio.create_task(self.link.serve(self._use, confirms=True))

    def publish(self, stream: str, key: bytes, value: bytes) -> Receipt:
        """Raises Overloaded or Unavailable at once; the receipt waits while RabbitMQ is away."""
        if self._closing:
            raise Unavailable("The broker is closed.", "The server is stopping.")
        if self._bytes > _PENDING_BYTES:
            raise Overloaded("Too much audio waits to be sent to RabbitMQ.")
        receipt: Receipt = self._loop.create_future()
        self._add(_Pending(stream, key, value, receipt))
        return receipt

    def pass_on(self, stream: str, key: bytes, value: bytes) -> None:
        """Publish what nobody waits for. Lost while RabbitMQ is away or too much waits already."""
        if self._closing:
            raise Unavailable("The broker is closed.", "The server is stopping.")
        if self._exchange is not None and self._bytes <= _CAPTIONS_PENDING_BYTES:
            self._add(_Pending(stream, key, value, None))

    async def aclose(self) -> None:
        """Send what waits, for a while; what could not be sent fails with Unavailable."""
        self._closing = True
        if self._pending:
            self._emptied = self._loop.create_future()
            await asyncio.wait([self._emptied], timeout=_LAST_WORDS_S)
        await ended(self._task)
        for pending in list(self._pending):
            self._settle(pending, Unavailable("RabbitMQ did not take a message.", "It is away."))
        await self.link.aclose()

    # --- inside --------------------------------------------------------------------

    def _add(self, pending: _Pending) -> None:
        self._pending[pending] = None
        self._bytes += pending.size
        self._unsent.append(pending)
        self._pump()

    async def _use(self, channel: AbstractChannel, over: asyncio.Event) -> None:
        self._exchange = channel.default_exchange
        self._unsent = deque(self._pending)
        self._pump()
        self.ready.set()
        try:
            await over.wait()
            # Also where it was the channel alone: what it still holds is dealt with before the
            # connection has ended, and so comes before what is sent again.
            self.link.renew("the channel was lost")
        finally:
            self._exchange = None
            for task in self._sending:
                task.cancel()
            self._sending.clear()
            self._sending_bytes = 0
            for pending in [each for each in self._pending if each.receipt is None]:
                self._settle(pending, None)

    def _pump(self) -> None:
        while (
            self._exchange is not None
            and self._unsent
            and len(self._sending) < _IN_FLIGHT
            and self._sending_bytes < _IN_FLIGHT_BYTES
        ):
            # A task for each: they take their turn on the channel in the order of their making.
            pending = self._unsent.popleft()
            task = self._loop.create_task(self._send(self._exchange, pending))
            self._sending[task] = pending.size
            self._sending_bytes += pending.size
            task.add_done_callback(self._sent)

    async def _send(self, exchange: AbstractExchange, pending: _Pending) -> None:
        try:
            with losing():
                await exchange.publish(
                    message_of(pending.key, pending.value), pending.stream, mandatory=True
                )
        except LinkLost as error:
            if exchange is self._exchange:
                refused = isinstance(error.__cause__, DeliveryError)
                self.link.renew("a message was refused" if refused else str(error))
        else:
            self._settle(pending, None)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending_bytes -= self._sending.pop(task, 0)
        self._pump()

    def _settle(self, pending: _Pending, error: Unavailable | None) -> None:
        del self._pending[pending]
        self._bytes -= pending.size
        receipt = pending.receipt
        if receipt is not None and not receipt.done():
            if error is None:
                receipt.set_result(None)
            else:
                receipt.set_exception(error)
                receipt.exception()  # not everyone who publishes waits
        if not self._pending and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)
