"""What engines have learnt of a channel, kept with its finals. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(slots=True)
class Learnt:
    """Of two engines, each by its label, as what one learns is nothing to another: the one that
    hears the channel ``live``, and the one that hears its utterances ``again``."""

    live: tuple[str, str] | None = None
    again: tuple[str, str] | None = None

    @classmethod
    def from_text(cls, text: str | None) -> Learnt:
        """What ``to_text`` wrote; of a stranger's nothing is taken."""
        try:
            live, again = (_pair(each) for each in json.loads(text or ""))
        except (ValueError, TypeError):
            return cls()
        return cls(live, again)

    def to_text(self) -> str | None:
        """None where nothing was learnt."""
        if self.live is None and self.again is None:
            return None
        return json.dumps([self.live, self.again], ensure_ascii=False)


def learnt_by(label: str, pair: tuple[str, str] | None) -> str | None:
    """What the engine of that label has learnt."""
    return pair[1] if pair is not None and pair[0] == label else None


def _pair(told: object) -> tuple[str, str] | None:
    """Raises ValueError or TypeError for what is none."""
    if told is None:
        return None
    if not isinstance(told, list):
        raise TypeError(type(told).__name__)
    label, adaptation = told
    return str(label), str(adaptation)
