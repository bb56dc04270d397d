"""What travels between a decoder process and its parent: a kind, a length, a body.

parent → child    FEED bytes of a container · FINISH
child → parent    INFO (JSON) · PCM · END · FAILED (JSON: code, message, hint)

A file's child sends INFO, PCM as often as the parent reads it, END. A stream's child
answers each FEED and FINISH with one PCM, perhaps empty. FAILED ends either.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from enum import IntEnum

from twicetold.errors import (
    DecoderFailed,
    EmptyAudio,
    NotAudio,
    PlaylistRefused,
    RecordingNotFound,
    TooFast,
    TruncatedAudio,
    TwicetoldError,
)
from twicetold.media import SoundInfo

HEAD = struct.Struct("<BI")
LARGEST_BODY_BYTES = 64 * 1024 * 1024

_FAILURES: dict[str, type[TwicetoldError]] = {
    error.code: error
    for error in (
        DecoderFailed,
        EmptyAudio,
        NotAudio,
        PlaylistRefused,
        RecordingNotFound,
        TooFast,
        TruncatedAudio,
    )
}


class Kind(IntEnum):
    FEED = 1
    FINISH = 2
    INFO = 3
    PCM = 4
    END = 5
    FAILED = 6


def pack(kind: Kind, body: bytes = b"") -> bytes:
    return HEAD.pack(kind, len(body)) + body


def unpack_head(head: bytes) -> tuple[Kind, int]:
    """Kind and length of the body. Raises ValueError on what is no head."""
    kind, length = HEAD.unpack(head)
    if length > LARGEST_BODY_BYTES:
        raise ValueError(f"expected at most {LARGEST_BODY_BYTES} bytes but got {length}")
    return Kind(kind), length


def pack_info(info: SoundInfo) -> bytes:
    return pack(Kind.INFO, json.dumps(asdict(info)).encode())


def unpack_info(body: bytes) -> SoundInfo:
    return SoundInfo(**json.loads(body))


def pack_failure(error: TwicetoldError) -> bytes:
    failure = {"code": error.code, "message": error.message, "hint": error.hint}
    return pack(Kind.FAILED, json.dumps(failure).encode())


def unpack_failure(body: bytes) -> TwicetoldError:
    """The error that the child had; DecoderFailed for one that decoders do not raise."""
    failure = json.loads(body)
    return _FAILURES.get(failure["code"], DecoderFailed)(failure["message"], failure["hint"])
