"""Which language is spoken, over all that a channel has said so far. Pure.

Whisper hears some language in every "ok" and in music. So what it hears in an utterance counts by
the utterance's length, is added up over the utterances, and once enough was said the language
stays as it is for the rest of the call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ENOUGH_S = 5.0
_SURE = 0.7  # of a language, before enough was said


@dataclass(frozen=True, slots=True)
class SpokenLanguage:
    """``heard``: for each language seconds times probability. ``locked``: no longer in doubt."""

    seconds: float = 0.0
    heard: Mapping[str, float] = field(default_factory=dict)
    locked: str = ""

    @classmethod
    def from_adaptation(cls, adaptation: str | None) -> SpokenLanguage:
        """What ``to_adaptation`` wrote; of a stranger's nothing is taken."""
        try:
            body = json.loads(adaptation or "")
            heard = {str(name): float(weight) for name, weight in body["heard"].items()}
            return cls(float(body["seconds"]), heard, str(body["locked"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def to_adaptation(self) -> str:
        heard = {name: round(weight, 4) for name, weight in self.heard.items()}
        body = {"seconds": round(self.seconds, 3), "heard": heard, "locked": self.locked}
        return json.dumps(body, sort_keys=True)

    def after(
        self, probabilities: Mapping[str, float], seconds: float, among: Sequence[str] = ()
    ) -> SpokenLanguage:
        """With an utterance of ``seconds`` more; ``among`` (empty: all) are those that may be."""
        if self.locked:
            return self
        possible = {name: p for name, p in probabilities.items() if not among or name in among}
        whole = sum(possible.values()) or 1.0
        heard = {
            name: self.heard.get(name, 0.0) + seconds * possible.get(name, 0.0) / whole
            for name in {*self.heard, *possible}
        }
        # Of a hundred languages a few carry all the weight.
        heard = {name: weight for name, weight in heard.items() if weight >= 0.001 * seconds}
        total = self.seconds + seconds
        locked = _most(heard) if heard and total >= ENOUGH_S else ""
        return SpokenLanguage(total, heard, locked)

    def choice(self, otherwise: str) -> str:
        """The language to listen for now; ``otherwise`` where too little was said to be sure."""
        if self.locked or not self.heard:
            return self.locked or otherwise
        best = _most(self.heard)
        return best if self.heard[best] >= _SURE * self.seconds else otherwise


def _most(heard: Mapping[str, float]) -> str:
    return max(sorted(heard), key=heard.__getitem__)
