"""What travels in the ``audio`` topic: a call's opening, audio, marks and close, in order.

The wire form is a kind byte, a fixed head, and a body; the tenant and the call are
the message's key. Positions count samples per channel from the start of the call.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from twicetold.speech.computed import is_computed
from twicetold.speech.transcript import Final

_AUDIO = struct.Struct("<BIQIB")  # kind, epoch, first_sample, rate, channels
_MARK = struct.Struct("<BIQ")  # kind, epoch, sample
LAST_EPOCH = 2**32 - 1  # what is said of it counts over whatever a gateway still says

_LEAST_RATE, _MOST_RATE, _MOST_CHANNELS = 1_000, 384_000, 64
_LAST_SAMPLE = 2**48  # far beyond any call
_MOST_COUNT = 2**31
_KIND_OPEN, _KIND_AUDIO, _KIND_FINALIZE, _KIND_CLOSE, _KIND_PAUSE = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Open:
    """A call begins: how its PCM is laid out and what it was asked for."""

    epoch: int
    rate: int
    channels: int
    language: str
    source: str
    started_at: float

    def to_bytes(self) -> bytes:
        body = json.dumps(
            {
                "rate": self.rate,
                "channels": self.channels,
                "language": self.language,
                "source": self.source,
                "started_at": self.started_at,
            }
        )
        return _MARK.pack(_KIND_OPEN, self.epoch, 0) + body.encode()


class AudioChunk(NamedTuple):
    """PCM s16le, channels interleaved, from ``first_sample`` on. A tuple: there are thousands."""

    epoch: int
    first_sample: int
    rate: int
    channels: int
    pcm: bytes

    @property
    def samples(self) -> int:
        """Samples per channel."""
        return len(self.pcm) // (2 * self.channels)

    @property
    def end_sample(self) -> int:
        return self.first_sample + self.samples

    def to_bytes(self) -> bytes:
        head = _AUDIO.pack(_KIND_AUDIO, self.epoch, self.first_sample, self.rate, self.channels)
        return head + self.pcm

    def from_sample(self, sample: int) -> AudioChunk:
        """The rest of the chunk from ``sample`` on (which may be all or none of it)."""
        skip = min(max(0, sample - self.first_sample), self.samples)
        if skip == 0:
            return self
        pcm = self.pcm[skip * 2 * self.channels :]
        return AudioChunk(self.epoch, self.first_sample + skip, self.rate, self.channels, pcm)


@dataclass(frozen=True, slots=True)
class Finalize:
    """Whoever is speaking at ``sample`` is taken to have finished."""

    epoch: int
    sample: int

    def to_bytes(self) -> bytes:
        return _MARK.pack(_KIND_FINALIZE, self.epoch, self.sample)


@dataclass(frozen=True, slots=True)
class Pause:
    """No sound has come for a while after ``sample``; it may go on in the middle of a word."""

    epoch: int
    sample: int

    def to_bytes(self) -> bytes:
        return _MARK.pack(_KIND_PAUSE, self.epoch, self.sample)


@dataclass(frozen=True, slots=True)
class Close:
    """The call has ended at ``sample``; nothing follows."""

    epoch: int
    sample: int

    def to_bytes(self) -> bytes:
        return _MARK.pack(_KIND_CLOSE, self.epoch, self.sample)


LogMessage = Open | AudioChunk | Finalize | Pause | Close


def parse_log_message(value: bytes) -> LogMessage:
    """The message that ``to_bytes`` wrote. Raises ValueError on anything else."""
    kind = value[0] if value else 0
    try:
        if kind == _KIND_AUDIO:
            _, epoch, first, rate, channels = _AUDIO.unpack_from(value)
            pcm = value[_AUDIO.size :]
            _check_sound(first, rate, channels, len(pcm))
            return AudioChunk(epoch, first, rate, channels, pcm)
        _, epoch, sample = _MARK.unpack_from(value)
        if kind == _KIND_OPEN:
            return _checked(Open(epoch=epoch, **json.loads(value[_MARK.size :])))
        if kind == _KIND_FINALIZE:
            return Finalize(epoch, sample)
        if kind == _KIND_PAUSE:
            return Pause(epoch, sample)
        if kind == _KIND_CLOSE:
            return Close(epoch, sample)
    except (struct.error, TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError(f"damaged log message of kind {kind}") from None
    raise ValueError(f"expected a log message of kind 1 to 5 but got {kind}")


def _check_sound(first_sample: int, rate: int, channels: int, size_bytes: int) -> None:
    if not (_LEAST_RATE <= rate <= _MOST_RATE and 1 <= channels <= _MOST_CHANNELS):
        raise ValueError(f"expected sound but got {channels} channels at {rate} Hz")
    if size_bytes == 0 or size_bytes % (2 * channels) or first_sample > _LAST_SAMPLE:
        raise ValueError(f"expected whole samples but got {size_bytes} bytes at {first_sample}")


def _checked(opening: Open) -> Open:
    kinds = {
        "rate": int, "channels": int, "language": str, "source": str, "started_at": (int, float),
    }  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(getattr(opening, name), kind):  # type: ignore[arg-type]
            raise ValueError(f"expected an opening but its {name} is none")  # noqa: TRY004
    _check_sound(0, opening.rate, opening.channels, 2 * opening.channels)
    return opening


@dataclass(frozen=True, slots=True)
class Ended:
    """In the ``finals`` topic, after the last one: how many finals the call has, where it ended,
    and for how many seconds each engine, by its label, was at work for it."""

    event: int
    sample: int
    rate: int
    engine: str
    computed: Mapping[str, float] = field(default_factory=dict)


def finals_message(message: Final | Ended) -> bytes:
    """The wire form of the ``finals`` topic."""
    if isinstance(message, Final):
        return json.dumps({"final": message.to_dict()}, ensure_ascii=False).encode()
    ended = {name: getattr(message, name) for name in ("event", "sample", "rate", "engine")}
    # Beside the rest, of which earlier versions take no more than they know.
    return json.dumps({"ended": ended, "computed": dict(message.computed)}).encode()


def parse_finals_message(value: bytes) -> Final | Ended:
    """The message that ``finals_message`` wrote. Raises ValueError on anything else."""
    try:
        body = json.loads(value)
        if "final" in body:
            return _checked_final(Final.from_dict(body["final"]))
        return _checked_end(Ended(**body["ended"], computed=body.get("computed", {})))
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError("damaged message in the finals topic") from None


def _checked_final(final: Final) -> Final:
    counts = (final.event, final.channel, final.utterance)
    if not all(type(count) is int and 0 <= count <= _MOST_COUNT for count in counts):
        raise ValueError("damaged message in the finals topic")
    times = [
        final.start,
        final.end,
        *(time for word in final.words for time in (word.start, word.end)),
    ]
    if not all(isinstance(time, int | float) and math.isfinite(time) for time in times):
        raise ValueError("damaged message in the finals topic")
    if not all(isinstance(text, str) for text in (final.text, *(w.text for w in final.words))):
        raise ValueError("damaged message in the finals topic")
    return final


def _checked_end(ended: Ended) -> Ended:
    if not (type(ended.event) is int and 0 <= ended.event <= _MOST_COUNT):
        raise ValueError("damaged message in the finals topic")
    if not (type(ended.sample) is int and 0 <= ended.sample <= _LAST_SAMPLE):
        raise ValueError("damaged message in the finals topic")
    if not (type(ended.rate) is int and _LEAST_RATE <= ended.rate <= _MOST_RATE):
        raise ValueError("damaged message in the finals topic")
    if not is_computed(ended.computed):
        raise ValueError("damaged message in the finals topic")
    return ended
