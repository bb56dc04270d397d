"""How an utterance is spoken with a server, sans-I/O: messages out, events in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from twicetold.errors import EngineFailed

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a greeting: the kind of event that is awaited, and what is answered to it."""

    awaited: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """How a connection is opened so that it is ready for an utterance. Equal ones may be shared
    out of one stock. ``rate``: of the sound the server wants; ``kind``: the field of an event that
    says what it is; ``alive``: a message that keeps an idle connection open."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    rate: int
    greeting: tuple[Step, ...]
    kind: str = "type"
    alive: str | None = None


class Dialogue(Protocol):
    """One utterance. ``begin`` comes before the first sound; nothing follows ``finish``."""

    @property
    def text(self) -> str:
        """All that was heard so far."""

    @property
    def done(self) -> bool:
        """Whether nothing more will be heard."""

    def begin(self) -> list[str]: ...

    def hear(self, pcm: bytes) -> list[str]:
        """More sound, mono PCM s16le at the session's rate, never empty."""

    def finish(self) -> list[str]:
        """The sound is over."""

    def insist(self) -> list[str]:
        """What to send where no last word comes."""

    def receive(self, event: Event) -> None:
        """Raises EngineFailed for what the server calls an error."""


class Service(Protocol):
    """One protocol at one address."""

    def session(self, rate: int, language: str) -> Session:
        """For sound of that rate. Raises EngineRefused."""

    def dialogue(self, session: Session) -> Dialogue: ...


def message(**fields: object) -> str:
    """A message on the wire."""
    return json.dumps(fields, separators=(",", ":"))


def event_of(text: str | bytes) -> Event:
    """What a server said. Raises EngineFailed for what is no JSON object."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise EngineFailed("The server of the engine sent what is no JSON object.")
    return event
