"""The streams of a log: made where there are none, else looked at.

``{prefix}.log`` holds one message that counts, its first: which log this is, whose, and how many
partitions it has. It is written once all other streams are there. Positions are kept elsewhere,
under the log's identity: were RabbitMQ's disk emptied, the positions of the old log would have
readers wait for offsets that the new one reaches in days.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity, ChannelPreconditionFailed

from twicetold.broker import Topic
from twicetold.broker.rabbitmq.link import LinkLost
from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.shared import taken
from twicetold.errors import SettingError

_log = structlog.get_logger()

_VERSION = 1
_MARK_WAIT_S = 1.0
_ACCESS_REFUSED, _NO_QUEUE = "ACCESS_REFUSED", "NOT_FOUND - no queue"
_VALUE = r"(?:the value )?'?(.*?)'?(?: of type '\w+')?"
_OTHERWISE = re.compile(
    rf"inequivalent arg '(.+?)' for .* received {_VALUE} but current is {_VALUE}$"
)
_MARK_ARGUMENTS = {"x-queue-type": "stream"}


@dataclass(frozen=True, slots=True)
class Mark:
    """Which log this is."""

    version: int
    log: str
    partitions: int
    installation: str | None = None

    @classmethod
    def read(cls, name: str, body: bytes) -> Mark:
        """Raises SettingError."""
        try:
            found = cls(**json.loads(body))
        except (ValueError, TypeError):
            found = cls(0, "", 0)
        if found.version != _VERSION:
            raise SettingError(
                f"Stream {name} is not ours, or was made by another version of Twicetold.",
                "Name another prefix behind the hosts in the broker's URL.",
            )
        return found


async def prepare_streams(connection: AbstractConnection, options: RabbitOptions) -> str:
    """The log's identity. Raises SettingError, with what mends it, for streams that are not as
    they must be; LinkLost and aio-pika's errors where RabbitMQ does not answer."""
    try:
        found = await _find_mark(connection, options)
        if found is not None:
            _check(found, options)
        await _declare(connection, options, known=found is not None)
        if found is None:
            found = await _make_mark(connection, options)
            _check(found, options)
    except AMQPError as error:
        if _ACCESS_REFUSED in str(error.args):
            raise _not_allowed(options) from None
        raise
    return found.log


async def inspect_streams(connection: AbstractConnection, options: RabbitOptions) -> str:
    """The log's identity, "" where there is none yet. Looks at what is there and whether we may
    make what is not, and leaves nothing behind. Raises as ``prepare_streams`` does."""
    try:
        async with _channel(connection) as channel:
            name = f"{options.url.prefix}.try.{uuid.uuid4().hex}"
            await channel.declare_queue(name, exclusive=True, auto_delete=True)
            await channel.default_exchange.publish(aio_pika.Message(b""), routing_key=name)
            queue = await channel.get_queue(name, ensure=False)
            await queue.get(no_ack=True, fail=False)
            await channel.queue_delete(name)
        found = await _find_mark(connection, options)
        if found is not None:
            _check(found, options)
    except AMQPError as error:
        if _ACCESS_REFUSED in str(error.args):
            raise _not_allowed(options) from None
        raise
    return "" if found is None else found.log


async def find_log(connection: AbstractConnection, options: RabbitOptions) -> str:
    """The identity of a log that was prepared. Raises LinkLost where it is not, yet."""
    found = await _find_mark(connection, options)
    if found is None:
        raise LinkLost(f"there is no stream {options.mark} yet")
    return found.log


# --- the mark ----------------------------------------------------------------------


async def _find_mark(connection: AbstractConnection, options: RabbitOptions) -> Mark | None:
    async with _channel(connection) as channel:
        if not await _is_there(channel, options.mark):
            return None
    async with _reading(connection, options) as first:
        await asyncio.wait([first], timeout=_MARK_WAIT_S)
        # Empty: whoever made it has not written it yet.
        return Mark.read(options.mark, first.result()) if first.done() else None


async def _make_mark(connection: AbstractConnection, options: RabbitOptions) -> Mark:
    """Several processes may do this at once: the first message counts."""
    mark = Mark(_VERSION, uuid.uuid4().hex, options.partitions, options.installation)
    async with _channel(connection) as channel:
        await channel.default_exchange.publish(
            aio_pika.Message(
                json.dumps(asdict(mark)).encode(),
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            ),
            routing_key=options.mark,
        )
    async with _reading(connection, options) as first:
        found = Mark.read(options.mark, await first)
    if found == mark:
        _log.info("rabbitmq_log_made", prefix=options.url.prefix, partitions=mark.partitions)
    return found


@contextlib.asynccontextmanager
async def _reading(
    connection: AbstractConnection, options: RabbitOptions
) -> AsyncIterator[asyncio.Future[bytes]]:
    """The first message of the mark, as soon as there is one."""
    first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(message: AbstractIncomingMessage) -> None:
        if not first.done():
            first.set_result(message.body)

    async with _channel(connection) as channel:
        await channel.set_qos(prefetch_count=1)
        queue = await channel.get_queue(options.mark, ensure=False)
        await queue.consume(take, arguments={"x-stream-offset": "first"})
        yield first


def _check(found: Mark, options: RabbitOptions) -> None:
    if found.partitions != options.partitions:
        raise SettingError(
            f"The log {options.url.prefix} has {found.partitions} partitions"
            f" and not {options.partitions}.",
            f"Say ?partitions={found.partitions} in the broker's URL, in every process; or stop"
            " them all once every call is over, and name another prefix behind the hosts.",
        )
    known = None not in (found.installation, options.installation)
    if known and found.installation != options.installation:
        log = f"{options.url.prefix} in {options.url.shown}"
        remedy = f"rabbitmqctl delete_queue -p {options.quoted_vhost} {options.mark}"
        raise taken(log, found.installation or "", options.installation or "", remedy)


# --- the streams -------------------------------------------------------------------


async def _declare(connection: AbstractConnection, options: RabbitOptions, *, known: bool) -> None:
    """``known``: the log was made before, and all its streams must be there."""
    async with _channel(connection) as channel:
        for topic in Topic:
            for name in options.streams(topic):
                if known and not await _is_there(channel, name):
                    raise SettingError(
                        f"Stream {name} was deleted, and with it what it held.",
                        "To go on with what is left, as a new log, run: rabbitmqctl delete_queue"
                        f" -p {options.quoted_vhost} {options.mark}",
                    )
                await _declare_one(channel, name, options.arguments(topic), options)
        await _declare_one(channel, options.mark, _MARK_ARGUMENTS, options)


async def _is_there(channel: AbstractChannel, name: str) -> bool:
    """The channel is closed where it is not."""
    try:
        await channel.declare_queue(name, passive=True)
    except ChannelNotFoundEntity as error:
        if _NO_QUEUE in str(error.args):
            return False
        raise  # it is not served yet: RabbitMQ takes clients before it has recovered its streams
    return True


async def _declare_one(
    channel: AbstractChannel, name: str, arguments: dict[str, Any], options: RabbitOptions
) -> None:
    try:
        await channel.declare_queue(name, durable=True, arguments=arguments)
    except ChannelPreconditionFailed as error:
        raise _made_otherwise(name, str(error.args[-1]), options) from None


def _made_otherwise(name: str, reply: str, options: RabbitOptions) -> SettingError:
    found = _OTHERWISE.search(reply)
    if found is None:
        return SettingError(
            f"RabbitMQ refused the stream {name}: {reply}",
            "Streams take RabbitMQ 3.9 or newer: rabbitmqctl enable_feature_flag stream_queue",
        )
    argument, wanted, current = found.groups()
    hint = (
        "Stop every process and run: rabbitmqctl delete_queue"
        f" -p {options.quoted_vhost} {name}, and the same for {options.mark}; what it held is lost"
    )
    if argument == "x-max-age" and current.endswith("h"):
        hint = f"Say ?retention_h={current[:-1]} in the broker's URL, in every process. Or: {hint}"
    return SettingError(
        f"Stream {name} was made otherwise: its {argument} is {current} and not {wanted}.",
        f"{hint}.",
    )


def _not_allowed(options: RabbitOptions) -> SettingError:
    ours = rf"^{re.escape(options.url.prefix)}\."
    return SettingError(
        "RabbitMQ does not let us make and use streams.",
        f"Run, with the user's name: rabbitmqctl set_permissions -p {options.quoted_vhost} NAME"
        rf" '{ours}' '{ours}|^amq\.default$' '{ours}'",
    )


@contextlib.asynccontextmanager
async def _channel(connection: AbstractConnection) -> AsyncIterator[AbstractChannel]:
    channel = connection.channel()
    await channel.initialize()
    try:
        yield channel
    finally:
        if not channel.is_closed:
            await channel.close()
