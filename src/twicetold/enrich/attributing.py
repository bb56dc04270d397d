"""Who said what, as a stage: the channel is the speaker; else the engine says, or the voice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from twicetold.enrich.speakers import assign, by_channel, by_engine, roles
from twicetold.enrich.steps import Facts, Known

_VERSION = 1  # raise it with every change that names somebody else


@dataclass(frozen=True, slots=True)
class NameSpeakers:
    """``method``: ``channels`` alone, ``engine``, or the diarizer whose turns come with the facts.
    ``channel_roles``: who speaks on each channel; none: who greets first is the agent."""

    method: str
    channel_roles: tuple[str, ...] = ()
    name: str = "speakers"
    closed: bool = False

    @property
    def settings(self) -> str:
        return f"{_VERSION} {self.method} {self.channel_roles}"

    def apply(self, known: Known, facts: Facts) -> Known:
        method, segments = self.method, known.segments
        if facts.channels > 1:
            method, segments = "channels", by_channel(segments)
        elif any(word.speaker for segment in segments for word in segment.words):
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
        told = {"method": method, "roles": found}
        return Known(called, known.insights).with_insight("speakers", told)
