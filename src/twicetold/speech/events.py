"""What a client of the live pass is told, each kind a small frozen dataclass.

The JSON is the wire form of ``GET /v1/live`` and of a call's server-sent events.
Captions cross the broker as a head (kind, event number) and that same JSON, so that a
gateway can pass them on, and see gaps between finals, without parsing them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

from twicetold.errors import TwicetoldError
from twicetold.speech.transcript import Final

_HEAD = struct.Struct("<BI")
# One encoder for all: json.dumps makes a new one for each call that has options.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Kind(IntEnum):
    """What a caption is, in its head."""

    SPEECH_STARTED = 1
    PARTIAL = 2
    FINAL = 3
    DONE = 4
    PROGRESS = 5
    STATUS = 6
    FAILED = 7
    NO_WORDS = 8
    ALERT = 9


@dataclass(frozen=True, slots=True)
class _Event:
    type: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        # Fields are plain values; asdict, which copies deeply, would take ten times as long.
        names: tuple[str, ...] = self.__slots__  # the fields: a slotted dataclass has no others
        return {"type": self.type, **{name: getattr(self, name) for name in names}}

    def to_json(self) -> str:
        return _encode(self.to_dict())


@dataclass(frozen=True, slots=True)
class Ready(_Event):
    """The session stands; ``next_seq`` names the first audio the server does not hold."""

    type: ClassVar[str] = "ready"
    call_id: str
    session: str
    next_seq: int


@dataclass(frozen=True, slots=True)
class Ack(_Event):
    """Everything up to and with ``seq`` lies in the broker."""

    type: ClassVar[str] = "ack"
    seq: int


@dataclass(frozen=True, slots=True)
class SpeechStarted(_Event):
    type: ClassVar[str] = "speech_started"
    channel: int
    utterance: int
    start: float


@dataclass(frozen=True, slots=True)
class Partial(_Event):
    """Text of the running utterance; replaces the partial before it. Its first ``settled`` words
    will not change any more, the others may."""

    type: ClassVar[str] = "partial"
    channel: int
    utterance: int
    start: float
    end: float
    text: str
    engine: str = ""
    settled: int = 0
    safe: bool = False  # redaction has been over it; said only where it has

    def to_dict(self) -> dict[str, Any]:
        body = _Event.to_dict(self)
        if not self.safe:
            del body["safe"]
        return body


@dataclass(frozen=True, slots=True)
class NoWords(_Event):
    """The utterance is over and came to nothing: its partials are void, and no final follows."""

    type: ClassVar[str] = "no_words"
    channel: int
    utterance: int


@dataclass(frozen=True, slots=True)
class Alert(_Event):
    """A phrase rule has matched in a final, or at it (``event``); ``at`` is the second of what was
    said, or was due. ``suggestion`` is what whoever wrote the rule has to say to the agent."""

    type: ClassVar[str] = "alert"
    event: int
    channel: int
    at: float
    category: str
    rule: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Lagging(_Event):
    """The live pass is ``seconds`` of audio behind what was sent; 0 says it has caught up."""

    type: ClassVar[str] = "lagging"
    seconds: float


@dataclass(frozen=True, slots=True)
class Gap(_Event):
    """Sound is missing at this second: a container stream broke off and started afresh."""

    type: ClassVar[str] = "gap"
    at: float


@dataclass(frozen=True, slots=True)
class Done(_Event):
    """The live pass of the call has ended; ``event`` is the number of its last final."""

    type: ClassVar[str] = "done"
    call_id: str
    event: int


@dataclass(frozen=True, slots=True)
class Progress(_Event):
    """Worker to gateway: all audio before ``sample`` has been worked through, and ``event`` was
    the last final of it (so that one that was lost on its way is missed)."""

    type: ClassVar[str] = "progress"
    sample: int
    rate: int
    event: int = 0


@dataclass(frozen=True, slots=True)
class Status(_Event):
    """Batch worker to followers: where the canonical transcript stands.

    ``done_s`` of ``total_s`` audio seconds are transcribed; ``total_s`` is 0 while unknown.
    """

    type: ClassVar[str] = "status"
    call_id: str
    status: str
    done_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed(_Event):
    """The call cannot go on; the error's own fields, as every protocol sends them."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    hint: str
    retryable: bool

    @classmethod
    def of(cls, error: TwicetoldError) -> Failed:
        told: dict[str, Any] = error.to_dict()
        return cls(**told)


class Caption(NamedTuple):
    """One message of the ``captions`` topic: ``event`` is a final's (or the last one's) number."""

    kind: Kind
    event: int
    json: str

    def to_bytes(self) -> bytes:
        return _HEAD.pack(self.kind, self.event) + self.json.encode()

    @classmethod
    def from_bytes(cls, value: bytes) -> Caption:
        kind, event = _HEAD.unpack_from(value)
        return cls(Kind(kind), event, value[_HEAD.size :].decode())

    @classmethod
    def of(
        cls, event: SpeechStarted | Partial | NoWords | Done | Progress | Status | Failed | Alert
    ) -> Caption:
        number = event.event if isinstance(event, Done | Progress | Alert) else 0
        return cls(_KINDS[type(event)], number, event.to_json())

    @classmethod
    def of_final(cls, final: Final) -> Caption:
        return cls(Kind.FINAL, final.event, final_json(final))

    def body(self) -> Mapping[str, Any]:
        parsed: Mapping[str, Any] = json.loads(self.json)
        return parsed


_KINDS: dict[type[_Event], Kind] = {
    SpeechStarted: Kind.SPEECH_STARTED,
    Partial: Kind.PARTIAL,
    NoWords: Kind.NO_WORDS,
    Done: Kind.DONE,
    Progress: Kind.PROGRESS,
    Status: Kind.STATUS,
    Failed: Kind.FAILED,
    Alert: Kind.ALERT,
}


def final_json(final: Final) -> str:
    """A final as clients receive it."""
    return _encode({"type": "final", **final.to_dict()})
