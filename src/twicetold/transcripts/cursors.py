"""Cursors: where a page ended, opaque to its reader (URL-safe base64 of a JSON list)."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence

from twicetold.errors import BadParameter

_LONGEST = 1024

Value = str | float | int


def encode_cursor(kind: str, values: Sequence[Value]) -> str:
    """A cursor that ``decode_cursor`` takes for the same kind of page."""
    body = json.dumps([kind, *values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def decode_cursor(cursor: str, kind: str, types: Sequence[type[Value]]) -> tuple[Value, ...]:
    """The values of a cursor. Raises BadParameter for one that was made elsewhere."""
    try:
        if len(cursor) > _LONGEST:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        body = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(body, list) or len(body) != len(types) + 1 or body[0] != kind:
            raise ValueError("another kind")
        return tuple(_checked(value, wanted) for value, wanted in zip(body[1:], types, strict=True))
    except (ValueError, RecursionError, OverflowError, binascii.Error) as error:
        raise BadParameter(
            "cursor is not one that this server gave for this list.",
            "Leave the cursor out to begin at the first page.",
        ) from error


def _checked(value: object, wanted: type[Value]) -> Value:
    if wanted is float and type(value) in (float, int):
        number = float(value)  # type: ignore[arg-type]
        if not math.isfinite(number):
            raise ValueError("not a number")
        return number
    if wanted is int and type(value) is int and -(2**63) <= value < 2**63:
        return value
    if wanted is str and isinstance(value, str):
        value.encode()  # lone surrogates raise a ValueError
        return value
    raise ValueError("another type")
