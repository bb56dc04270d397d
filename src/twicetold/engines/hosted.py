"""What an engine implements inside a host process, and how parent and host talk.

Inside a host everything is synchronous and single-threaded. On the wire (one stream socket
a host) a message is a head (body length, kind, stream number) and a body: JSON for small
things, PCM s16le for sound, never pickle. Every request is answered by exactly one
HYPOTHESIS or FAILED with its stream's number, except CLOSE, which has no answer.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeGuard

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Sound
from twicetold.errors import EngineFailed, TwicetoldError
from twicetold.speech.transcript import Hypothesis, Word

_HEAD = struct.Struct("<IBI")  # bytes in the body, kind, stream number
_SOUND = struct.Struct("<II")  # rate, bytes in what is told of the sound

MAX_BODY_BYTES = 64 * 1024 * 1024


class HostedStream(Protocol):
    """One utterance in the making, inside a host."""

    def accept(self, pcm: bytes) -> Hypothesis:
        """Hear more mono PCM s16le; returns all that is heard so far."""

    def finish(self) -> Hypothesis:
        """The last word on the utterance. The stream is over."""

    def close(self) -> None:
        """Give the stream's decoder back; may be called twice and after ``finish``."""


class HostedEngine(Protocol):
    """An engine as a host runs it: it may block, hold the GIL, hang or crash."""

    @property
    def info(self) -> EngineInfo: ...

    def start(self, rate: int, language: str, adaptation: str | None) -> HostedStream:
        """Begin an utterance of mono PCM s16le at ``rate``."""

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        """One stretch of audio, from a state that nothing before it has touched."""


class ExpectingEngine(HostedEngine, Protocol):
    """One that can be told what is expected; of a sound it is told with the sound."""

    def start_expecting(
        self, rate: int, language: str, adaptation: str | None, expected: Expected
    ) -> HostedStream:
        """As ``start``."""


def expects(engine: HostedEngine) -> TypeGuard[ExpectingEngine]:
    return hasattr(engine, "start_expecting")


def started(
    engine: HostedEngine,
    rate: int,
    language: str,
    adaptation: str | None,
    expected: Expected = NOTHING_EXPECTED,
) -> HostedStream:
    """An utterance begun, with what is expected where the engine can be told."""
    if expected and expects(engine):
        return engine.start_expecting(rate, language, adaptation, expected)
    return engine.start(rate, language, adaptation)


class Kind(IntEnum):
    """What a message is. The first five are requests."""

    START = 1
    ACCEPT = 2
    FINISH = 3
    TRANSCRIBE = 4
    CLOSE = 5
    HYPOTHESIS = 16
    FAILED = 17
    READY = 18
    # "At work on this stream": a long answer is not taken for a hang, nor a death for another's.
    WORKING = 19


class Message(NamedTuple):
    kind: int
    stream: int
    body: bytes = b""

    def to_bytes(self) -> bytes:
        return b"".join(framed(self.kind, self.stream, self.body))


def framed(kind: int, stream: int, *body: bytes) -> list[bytes]:
    """A message whose body comes in parts, to be sent one after the other: none is copied."""
    return [_HEAD.pack(sum(map(len, body)), kind, stream), *body]


class Reader:
    """Cuts what comes out of a socket into messages; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Messages completed by ``data``. Raises ValueError on a length nobody sends."""
        self._buffer += data
        position = 0
        while len(self._buffer) - position >= _HEAD.size:
            length, kind, stream = _HEAD.unpack_from(self._buffer, position)
            if length > MAX_BODY_BYTES:
                raise ValueError(f"expected a body of {MAX_BODY_BYTES} bytes at most, got {length}")
            end = position + _HEAD.size + length
            if len(self._buffer) < end:
                break
            yield Message(kind, stream, bytes(self._buffer[position + _HEAD.size : end]))
            position = end
        del self._buffer[:position]


def pack_start(
    rate: int, language: str, adaptation: str | None, expected: Expected = NOTHING_EXPECTED
) -> bytes:
    return json.dumps([rate, language, adaptation, expected.terms, expected.languages]).encode()


def unpack_start(body: bytes) -> tuple[int, str, str | None, Expected]:
    rate, language, adaptation, terms, languages = json.loads(body)
    return rate, language, adaptation, Expected(tuple(terms), tuple(languages))


def pack_sound(sound: Sound, language: str) -> tuple[bytes, bytes]:
    """The two parts of a body: what is told of the sound, and the sound as it lies in memory."""
    expected = sound.expected
    about = [language, expected.terms, expected.languages, sound.adaptation]
    told = json.dumps(about).encode()
    return _SOUND.pack(sound.rate, len(told)) + told, sound.pcm


def unpack_sound(body: bytes) -> tuple[Sound, str]:
    rate, length = _SOUND.unpack_from(body)
    begin = _SOUND.size + length
    language, terms, languages, adaptation = json.loads(body[_SOUND.size : begin])
    expected = Expected(tuple(terms), tuple(languages))
    return Sound(body[begin:], rate, expected, adaptation), language


def pack_hypothesis(hypothesis: Hypothesis) -> bytes:
    words = [(w.start, w.end, w.text, w.probability) for w in hypothesis.words]
    told = [
        hypothesis.adaptation,
        words,
        hypothesis.guarded,
        hypothesis.settled,
        hypothesis.language,
        round(hypothesis.compute_s, 6),
    ]
    return json.dumps(told, separators=(",", ":")).encode()


def unpack_hypothesis(body: bytes) -> Hypothesis:
    adaptation, words, guarded, settled, language, compute_s = json.loads(body)
    words = tuple([Word(*word) for word in words])
    return Hypothesis(words, adaptation, tuple(guarded), settled, language, compute_s)


def pack_ready(together: int) -> bytes:
    """How many streams or sounds the engine hears at once."""
    return json.dumps({"together": together}).encode()


def unpack_ready(body: bytes) -> int:
    return int(json.loads(body)["together"])


def pack_failure(error: Exception) -> bytes:
    """What may be told of an error: of a stranger its type alone, for its text may hold words."""
    if isinstance(error, TwicetoldError):
        return json.dumps([error.message, error.hint]).encode()
    return json.dumps([f"The engine raised {type(error).__name__}.", ""]).encode()


def unpack_failure(body: bytes) -> EngineFailed:
    message, hint = json.loads(body)
    return EngineFailed(message, hint)
