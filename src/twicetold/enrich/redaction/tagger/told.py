"""What a turn leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """No values: only common words that were not removed, whether it asked, and the kind
    ``marked`` of the last thing that was found in it. ``party``: whose turn it was."""

    party: str
    question: bool
    words: tuple[str, ...]
    marked: str = ""
