"""One stage of enrichment: from what is known of a call to more that is known of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from twicetold.enrich.timing import timed
from twicetold.speech.transcript import Segment
from twicetold.speech.turns import Turn


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for a call before anything is made of its words. ``channels`` counts those that
    differ; ``time_error_s`` is by how much its engine's word times may be wrong."""

    language: str
    length_s: float
    channels: int
    time_error_s: float = 0.0
    word_times: bool = True  # else they are spread over what was heard
    turns: tuple[Turn, ...] = ()  # who speaks when, where one channel is several people's
    outcomes: Mapping[str, str] = field(default_factory=dict)  # what came of it, by name


@dataclass(frozen=True, slots=True)
class Known:
    """A call's segments by start time, and what has been found out besides; JSON can hold it."""

    segments: tuple[Segment, ...]
    insights: Mapping[str, Any] = field(default_factory=dict)

    def with_insight(self, name: str, body: Any) -> Known:
        return Known(self.segments, {**self.insights, name: body})

    def to_dict(self) -> dict[str, Any]:
        return {
            "segments": [segment.to_dict() for segment in self.segments],
            "insights": dict(self.insights),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Known:
        """Raises KeyError or TypeError for anything that ``to_dict`` did not write."""
        return cls(tuple(map(Segment.from_dict, body["segments"])), dict(body["insights"]))


_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Packed:
    """What is known, as it travels and is kept: a tenth of the size of its words in memory.

    ``body`` is zlib over lines of JSON, the first one the insights, each other one a segment.
    ``compute_s`` is how long a step has just been at work on it; what was kept took none.
    """

    body: bytes = field(repr=False)
    insights: Mapping[str, Any] = field(default_factory=dict)
    compute_s: float = field(default=0.0, compare=False)

    @classmethod
    def of(cls, known: Known) -> Packed:
        packing = _Packing(known.insights)
        for segment in known.segments:
            packing.add(segment)
        return packing.done()

    @classmethod
    async def gather(cls, segments: AsyncIterable[Segment], insights: Mapping[str, Any]) -> Packed:
        """One segment in memory at a time."""
        packing = _Packing(insights)
        async for segment in segments:
            packing.add(segment)
        return packing.done()

    @classmethod
    def from_bytes(cls, body: bytes) -> Packed:
        """Raises ValueError, KeyError or TypeError for anything that is no ``body``."""
        packed = cls(body)
        try:
            lines = packed._lines()
            insights = json.loads(next(lines))
            for _ in lines:  # to its end: it may have been cut short
                pass
        except (zlib.error, StopIteration) as error:
            raise ValueError("no packed transcript") from error
        return cls(body, dict(insights))

    def segments(self) -> Iterator[Segment]:
        """One in memory at a time."""
        lines = self._lines()
        next(lines)
        return (Segment.from_dict(json.loads(line)) for line in lines)

    def unpack(self) -> Known:
        return Known(tuple(self.segments()), self.insights)

    def with_insight(self, name: str, body: Any) -> Packed:
        """Packed anew, a segment at a time."""
        packing = _Packing({**self.insights, name: body})
        for segment in self.segments():
            packing.add(segment)
        return packing.done()

    def _lines(self) -> Iterator[bytes]:
        inflating, rest = zlib.decompressobj(), b""
        for at in range(0, len(self.body), _PIECE_BYTES):
            *whole, rest = (rest + inflating.decompress(self.body[at : at + _PIECE_BYTES])).split(
                b"\n"
            )
            yield from whole
        if rest or not inflating.eof:
            raise ValueError("a packed transcript that breaks off")


class _Packing:
    def __init__(self, insights: Mapping[str, Any]) -> None:
        self._insights = insights
        self._deflating = zlib.compressobj(1)
        self._pieces: list[bytes] = []
        self._add(dict(insights))

    def add(self, segment: Segment) -> None:
        self._add(segment.to_dict())

    def _add(self, body: Mapping[str, Any]) -> None:
        line = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if piece := self._deflating.compress(line):
            self._pieces.append(piece)

    def done(self) -> Packed:
        return Packed(b"".join([*self._pieces, self._deflating.flush()]), self._insights)


def apply_packed(step: Step, packed: Packed, facts: Facts) -> Packed:
    """As ``Step.apply``, for a process to which all of it is sent."""
    made, compute_s = timed(lambda: Packed.of(step.apply(packed.unpack(), facts)))
    return replace(made, compute_s=compute_s)


class Step(Protocol):
    """Pure: the same from the same. It may be sent to another process to be applied there."""

    @property
    def name(self) -> str: ...

    @property
    def closed(self) -> bool:
        """Whether nothing may be shown that it has failed on. Of any other step that fails, the
        result is left out, and that is told."""

    @property
    def settings(self) -> str:
        """What its result depends on besides what is known; a result is kept under it."""

    def apply(self, known: Known, facts: Facts) -> Known:
        """Raises what is wrong; a SettingError or MissingExtra is for a person to mend."""
