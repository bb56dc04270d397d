"""Which language each channel of a recording speaks, settled once and before its words are told.

A chunk alone may flip: on an "ok", on music. So the first chunks of a channel are held back until
they have enough speech between them, all of it is heard as one stretch, and what that is found to
be in is the channel's language, for those chunks and all behind them. It depends on the sound
alone, neither on the order in which chunks are done nor on where a job was interrupted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from twicetold.batch.chunking import Chunk


@dataclass(frozen=True, slots=True)
class FoundLanguage:
    """A channel's language, as kept in the checkpoints, and what finding it cost besides the words
    of a chunk."""

    language: str
    compute_s: float = 0.0

    def to_json(self) -> bytes:
        body = {"language": self.language, "compute_s": round(self.compute_s, 4)}
        return json.dumps(body).encode()

    @classmethod
    def from_json(cls, body: bytes) -> FoundLanguage:
        """Raises ValueError, KeyError or TypeError for anything that ``to_json`` did not write."""
        parsed = json.loads(body)
        return cls(str(parsed["language"]), float(parsed["compute_s"]))


@dataclass(slots=True)
class Tongue:
    """One channel. Its chunks are ``held`` until it ``begun``; then ``language`` is found."""

    language: asyncio.Future[str]
    held: list[Chunk] = field(default_factory=list)
    begun: bool = False


class Tongues:
    """All channels of a recording whose language is to be found out."""

    def __init__(self, enough_s: float) -> None:
        """``enough_s``: of speech, to know a language by; 0 where there is none to be found."""
        self._enough_s = enough_s
        self._channels: dict[int, Tongue] = {}

    @property
    def wanted(self) -> bool:
        return self._enough_s > 0.0

    def of(self, channel: int) -> Tongue:
        if channel not in self._channels:
            self._channels[channel] = Tongue(asyncio.get_running_loop().create_future())
        return self._channels[channel]

    def enough(self, channel: int) -> bool:
        """Whether the held chunks are enough to begin with."""
        return sum(chunk.seconds for chunk in self.of(channel).held) >= self._enough_s

    def unbegun(self) -> list[int]:
        """At the end of the recording: the channels that never said enough."""
        return [channel for channel, tongue in self._channels.items() if not tongue.begun]


def joined(chunks: Sequence[Chunk]) -> bytes:
    """The sound of all of them."""
    return b"".join(chunk.pcm for chunk in chunks)
