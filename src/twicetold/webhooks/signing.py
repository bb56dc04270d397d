"""Signatures of the Standard Webhooks specification 1.0 (symmetric, ``v1``).

HMAC-SHA256 over ``id.timestamp.body``, keyed with the bytes that stand in base64 behind ``whsec_``.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the HMAC in base64. Raises ValueError for what is no secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("no webhook secret") from None
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(
    secret: str, event_id: str, timestamp: int, body: bytes, former: str = ""
) -> dict[str, str]:
    """What proves to the receiver who sent the body, and when. ``former``: the secret before, for
    receivers that do not know the new one yet; it signs as well."""
    signing = [secret, former] if former else [secret]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            signature(each, event_id, timestamp, body) for each in signing
        ),
    }
