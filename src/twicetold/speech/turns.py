"""Who speaks when: turns, and the RTTM files that references of diarization come in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's stretch of speech, in seconds; turns of different speakers may overlap."""

    start: float
    end: float
    speaker: str


def read_rttm(text: str) -> list[Turn]:
    """The SPEAKER lines of an RTTM file (NIST, Rich Transcription 2009), by start; others are
    passed over.

    Raises ValueError, with the line's number, for one that is no such line.
    """
    turns = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start, length, speaker = float(fields[3]), float(fields[4]), fields[7]
        except (IndexError, ValueError) as error:
            raise ValueError(f"line {number} is no SPEAKER line of an RTTM file") from error
        turns.append(Turn(start, start + length, speaker))
    return sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker))


def write_rttm(turns: Iterable[Turn], name: str) -> str:
    """The turns as an RTTM file of one recording; ``name`` and speakers must hold no spaces."""
    return "".join(
        f"SPEAKER {name} 1 {turn.start:.3f} {turn.end - turn.start:.3f}"
        f" <NA> <NA> {turn.speaker} <NA> <NA>\n"
        for turn in turns
    )
