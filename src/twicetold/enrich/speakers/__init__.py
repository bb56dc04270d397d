"""Who speaks when: the diarization port, its adapters, and what is made of turns.

A recording of one voice a channel needs none of the adapters (``by_channel``), nor does one whose
engine names its speakers (``by_engine``). For any other, sound goes through a ``Diarizer``, and the
words get their speakers from the turns that it finds (``assign``). Speakers are called ``1``, ``2``
and so on; ``roles`` tells who of them is the agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twicetold.enrich.speakers.assigning import assign, by_channel, by_engine
from twicetold.enrich.speakers.opening import DIARIZERS, open_diarizer
from twicetold.enrich.speakers.roles import AGENT, CUSTOMER, roles
from twicetold.speech.turns import Turn

__all__ = [
    "AGENT",
    "CUSTOMER",
    "DIARIZERS",
    "FRAME_S",
    "Diarization",
    "Diarizer",
    "Turn",
    "assign",
    "by_channel",
    "by_engine",
    "open_diarizer",
    "roles",
]

FRAME_S = 0.032  # of the activity detector, whose probabilities a diarization takes


class Diarization(Protocol):
    """One channel of one recording. Not for two threads at once. It computes: call its verbs in a
    thread or in a process apart. Its memory does not grow with the sound, but for the turns."""

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        """More sound, in order: mono PCM s16le, of any length.

        ``speech``: how likely each frame of ``FRAME_S`` is speech, from the recording's start on;
        the frames need not end where the pieces of sound do. Who gives none at all leaves it to
        the adapter to find the speech.
        """

    def finish(self) -> list[Turn]:
        """The sound is over: who spoke when, by start; ``1`` is who spoke first. Turns of several
        speakers overlap where the adapter finds that they do. The diarization is over as well."""


class Diarizer(Protocol):
    """Holds what all recordings share, and nothing of any of them."""

    @property
    def name(self) -> str: ...

    def start(self, rate: int) -> Diarization:
        """Raises UnsupportedRate for another than 8,000 or 16,000 Hz."""
