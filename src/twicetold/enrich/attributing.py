"""Who said what, as a stage: the channel is the speaker; else the engine says, or the voice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twicetold.enrich.speakers import assign, by_channel, by_engine, roles
from twicetold.enrich.steps import Facts, Known
from twicetold.speech.transcript import Segment

_VERSION = 2  # raise it with every change that names somebody else
_ENGINE_MAY = ("auto", "engine")  # wishes by which the engine's own speakers are taken


@dataclass(frozen=True, slots=True)
class NameSpeakers:
    """``method``: the diarizer whose turns come with the facts, ``channels`` where there is none.
    ``channel_roles``: who speaks on each channel; none: who greets first is the agent. ``wanted``:
    the setting, whole: ``auto``, ``channels``, ``engine``, or a diarizer with its models."""

    method: str
    channel_roles: tuple[str, ...] = ()
    wanted: str = "auto"
    name: str = "speakers"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} {self.method} {self.wanted} {self.channel_roles}"

    def apply(self, known: Known, facts: Facts) -> Known:
        method, segments = self.method, known.segments
        if facts.channels > 1:
            method, segments = "channels", by_channel(segments)
        elif self.wanted in _ENGINE_MAY and _told_by_engine(segments):
            method, segments = "engine", by_engine(segments)
        elif facts.turns:
            segments = assign(segments, facts.turns)
        else:
            return known
        named = dict(enumerate(self.channel_roles)) if facts.channels > 1 else None
        found = roles(segments, named)
        called = tuple(
            replace(each, speaker=found.get(str(each.speaker), each.speaker)) for each in segments
        )
        told = {"method": method, "names": _names(called)}
        return Known(called, known.insights).with_insight("speakers", told)


def _told_by_engine(segments: tuple[Segment, ...]) -> bool:
    return any(word.speaker for segment in segments for word in segment.words)


def _names(segments: tuple[Segment, ...]) -> list[str]:
    """Of all who speak, as the segments have them, in the order in which they are first heard."""
    return list(dict.fromkeys(each.speaker for each in segments if each.speaker))
