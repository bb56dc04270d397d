"""How a message of ours looks in RabbitMQ: its key travels in a header."""

from __future__ import annotations

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

_KEY = "key"  # in a header: a message's id and its like hold 255 bytes, and a key may have 257


def message_of(key: bytes, value: bytes) -> aio_pika.Message:
    return aio_pika.Message(
        value,
        headers={_KEY: key.decode("ascii")},
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def raw_key(message: AbstractIncomingMessage) -> bytes:
    """Empty for a message without one."""
    found = message.headers.get(_KEY)
    return found.encode() if isinstance(found, str) else b""
