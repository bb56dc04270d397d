"""One stage of enrichment: from what is known of a call to more that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from twicetold.speech.transcript import Segment


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for a call before anything is made of its words. ``channels`` counts those that
    differ; ``time_error_s`` is by how much its engine's word times may be wrong."""

    language: str
    length_s: float
    channels: int
    time_error_s: float = 0.0
    word_times: bool = True  # else they are spread over what was heard


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
