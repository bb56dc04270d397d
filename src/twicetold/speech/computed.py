"""How long computing took for a call, by what was at work on it. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping


class Computed:
    """Seconds by label: an engine's, or a stage's name. They only grow."""

    def __init__(self, seconds: Mapping[str, float] | None = None) -> None:
        self._seconds = dict(seconds or {})

    @classmethod
    def from_text(cls, text: str) -> Computed:
        """What ``to_text`` wrote; of a stranger's nothing is taken."""
        try:
            told = json.loads(text or "{}")
        except (ValueError, RecursionError):
            return cls()
        return cls(told if is_computed(told) else {})

    def to_text(self) -> str:
        """ "" where nothing was computed."""
        return json.dumps(self.seconds, ensure_ascii=False) if self._seconds else ""

    def add(self, label: str, seconds: float) -> None:
        if seconds > 0.0:
            self._seconds[label] = self._seconds.get(label, 0.0) + seconds

    @property
    def seconds(self) -> dict[str, float]:
        """By label, to the microsecond."""
        return {label: round(seconds, 6) for label, seconds in self._seconds.items()}


def is_computed(told: object) -> bool:
    """Whether it is seconds by label."""
    return isinstance(told, dict) and all(
        isinstance(label, str)
        and type(seconds) in (int, float)
        and math.isfinite(seconds)
        and seconds >= 0.0
        for label, seconds in told.items()
    )
