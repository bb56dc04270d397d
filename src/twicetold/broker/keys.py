"""How a call's key travels in a broker that many calls share, and which partition it goes to."""

from __future__ import annotations

import zlib

from twicetold.errors import BadIdentifier
from twicetold.speech.identity import CallKey


def encode_key(key: CallKey) -> bytes:
    return f"{key.tenant}/{key.call_id}".encode()


def decode_key(raw: bytes | None) -> CallKey:
    """Raises ValueError for what ``encode_key`` did not write."""
    try:
        tenant, call_id = (raw or b"").decode("ascii").split("/")
        return CallKey.checked(tenant, call_id)
    except (ValueError, BadIdentifier):
        raise ValueError("expected a key of tenant/call but got another") from None


def partition_of(raw: bytes, partitions: int) -> int:
    """The partition of an encoded key: the same in every process that counts as many."""
    return zlib.crc32(raw) % partitions
