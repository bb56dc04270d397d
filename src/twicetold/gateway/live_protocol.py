"""The native live protocol without its socket: what a client asks for, and what it sends.

``GET /v1/live`` is specified in docs/architecture.md; the server's messages are the events
of ``speech.events``.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from twicetold.errors import (
    BadParameter,
    MessageTooLarge,
    OddByteCount,
    SequenceGap,
    SequenceRepeat,
    SessionLost,
    UnexpectedAudio,
    UnexpectedText,
    UnsupportedEncoding,
    UnsupportedRate,
)
from twicetold.gateway.parameters import whole_number
from twicetold.gateway.problems import shown
from twicetold.media.resampling import USUAL_RATES
from twicetold.speech.identity import check_identifier, check_language

_SEQUENCE = struct.Struct("<I")
LARGEST_MESSAGE_BYTES = 1024 * 1024
LARGEST_TEXT_BYTES = 4096
OLDEST_NEW_CALL_S = 3600  # so much sound a new call may catch up with, faster than real time


class Encoding(StrEnum):
    PCM = "pcm_s16le"
    MULAW = "mulaw"
    WEBM = "webm"
    OGG = "ogg"

    @property
    def container(self) -> bool:
        return self in (Encoding.WEBM, Encoding.OGG)


class Command(StrEnum):
    FINALIZE = "finalize"
    STOP = "stop"


_PARAMETERS = {
    "call_id", "language", "encoding", "sample_rate", "channels", "session", "event", "age_s",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """The query of a live connection, checked. ``session`` is set to resume a call."""

    call_id: str
    language: str
    encoding: Encoding
    sample_rate: int
    channels: int
    session: str | None
    event: int
    age_s: int  # of a new call whose client could not reach a server before

    @classmethod
    def parse(cls, query: Mapping[str, str], default_language: str) -> LiveRequest:
        """Raises BadParameter, BadIdentifier, UnsupportedEncoding or UnsupportedRate."""
        for name in query:
            if name not in _PARAMETERS:
                known = ", ".join(sorted(_PARAMETERS))
                raise BadParameter(f"There is no parameter {shown(name)}.", f"It takes {known}.")
        encoding = _encoding(query.get("encoding", Encoding.PCM))
        return cls(
            call_id=check_identifier(query.get("call_id") or _new_call_id(), "call_id"),
            language=check_language(query.get("language", default_language)),
            encoding=encoding,
            sample_rate=_rate(query.get("sample_rate"), encoding),
            channels=_number(query, "channels", 1, 1, 2),
            session=query.get("session"),
            event=_number(query, "event", 0, 0, 2**31),
            age_s=_number(query, "age_s", 0, 0, OLDEST_NEW_CALL_S),
        )


def _new_call_id() -> str:
    return f"call-{secrets.token_hex(8)}"


def _encoding(value: str) -> Encoding:
    try:
        return Encoding(value)
    except ValueError:
        raise UnsupportedEncoding(f"The encoding {shown(value)} is not known.") from None


def _rate(value: str | None, encoding: Encoding) -> int:
    if encoding.container:
        return 16_000
    if value is None:
        return 8_000 if encoding is Encoding.MULAW else 16_000
    rates = (8_000, 16_000) if encoding is Encoding.MULAW else USUAL_RATES
    rate = whole_number(value, min(rates), max(rates))
    if rate is None or rate not in rates:
        known = ", ".join(str(rate) for rate in rates)
        raise UnsupportedRate(f"sample_rate {shown(value)} is not supported.", f"It takes {known}.")
    return rate


def _number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    number = whole_number(value, low, high)
    if number is None:
        raise BadParameter(
            f"{name} got {shown(value)}.", f"It takes a whole number, {low} to {high}."
        )
    return number


class Inbound:
    """Checks a client's messages one after another. States: receiving → stopped."""

    def __init__(self, request: LiveRequest, next_seq: int, *, over: bool = False) -> None:
        """``over``: the call has been closed; its client came back for the rest of its captions."""
        self.next_seq = next_seq
        self.stopped = over
        self._over = over
        width = 1 if request.encoding is Encoding.MULAW else 2
        self._frame_bytes = 1 if request.encoding.container else width * request.channels

    def audio(self, message: bytes) -> bytes:
        """The audio of the next binary message. Raises a BadInput that says what is wrong."""
        if self._over:
            raise SessionLost("The call was closed while its client was away.")
        if self.stopped:
            raise UnexpectedAudio("Audio came after stop.", "Begin a new call.")
        if len(message) > LARGEST_MESSAGE_BYTES:
            raise MessageTooLarge(f"A message of {len(message)} bytes is too large.")
        if len(message) < _SEQUENCE.size:
            raise UnexpectedAudio("A binary message is too short for its sequence number.")
        (seq,) = _SEQUENCE.unpack_from(message)
        if seq > self.next_seq:
            raise SequenceGap(f"Expected sequence number {self.next_seq} but got {seq}.")
        if seq < self.next_seq:
            raise SequenceRepeat(f"Expected sequence number {self.next_seq} but got {seq}.")
        audio = message[_SEQUENCE.size :]
        if len(audio) % self._frame_bytes:
            raise OddByteCount(
                f"{len(audio)} bytes of audio are not whole frames of {self._frame_bytes} bytes."
            )
        self.next_seq += 1
        return audio

    def text(self, message: str) -> Command:
        """The command of a text message. Raises UnexpectedText."""
        if self.stopped and not self._over:
            raise UnexpectedText("A message came after stop.", "Begin a new call.")
        if len(message) > LARGEST_TEXT_BYTES:
            raise UnexpectedText("A text message is too long to be a command.")
        try:
            body = json.loads(message)
            command = Command(body["type"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UnexpectedText("A text message is not a command that is known.") from None
        self.stopped = command is Command.STOP
        return command
