"""Shadows of many calls, added up: how far one engine is from another on a tenant's own calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from twicetold.speech.scoring import Errors, Interval, wer_interval
from twicetold.transcripts import Shadow

FEWEST_CALLS = 10  # with fewer, resampling them says little about others


@dataclass(frozen=True, slots=True)
class ShadowTotals:
    """One engine in one pass against another over ``shadows``, none of them stale."""

    pass_: str
    engine: str
    canonical_engine: str
    shadows: list[Shadow]

    @property
    def errors(self) -> Errors:
        return sum(map(errors_of, self.shadows), Errors())

    @property
    def words(self) -> int:
        return sum(shadow.words for shadow in self.shadows)

    @property
    def audio_s(self) -> float:
        return sum(shadow.audio_s for shadow in self.shadows)

    @property
    def rtfx(self) -> float | None:
        compute_s = sum(shadow.compute_s for shadow in self.shadows)
        return self.audio_s / compute_s if compute_s > 0 else None

    @property
    def normalisers(self) -> list[str]:
        return sorted({shadow.normaliser for shadow in self.shadows})

    @property
    def drafted(self) -> tuple[float, float, int] | None:
        """How far drafts, and the shadows of the same calls, are from the canonical transcripts,
        and the number of those calls; None where none has a draft."""
        both = [shadow for shadow in self.shadows if shadow.draft_wer is not None]
        words = sum(shadow.canonical_words for shadow in both)
        if not words:
            return None
        drafts = sum((shadow.draft_wer or 0.0) * shadow.canonical_words for shadow in both)
        return drafts / words, sum(shadow.differences for shadow in both) / words, len(both)

    @property
    def worst(self) -> list[Shadow]:
        """The calls that differ most first; of equal ones those with more differences."""
        return sorted(
            self.shadows,
            key=lambda each: (each.difference, each.differences, each.key),
            reverse=True,
        )

    def interval(self) -> Interval | None:
        """The difference with its bounds, calls resampled; None where they are too few or the
        canonical transcripts hold no word. Computes."""
        if len(self.shadows) < FEWEST_CALLS or not self.errors.reference_words:
            return None
        return wer_interval([errors_of(shadow) for shadow in self.shadows])

    def to_dict(self) -> dict[str, Any]:
        interval, drafted = self.interval(), self.drafted
        return {
            "pass": self.pass_,
            "engine": self.engine,
            "canonical_engine": self.canonical_engine,
            "calls": len(self.shadows),
            "difference": self.errors.wer,
            "interval": None if interval is None else {"low": interval.low, "high": interval.high},
            "words": self.words,
            **asdict(self.errors),
            "audio_s": self.audio_s,
            "rtfx": self.rtfx,
            "normalisers": self.normalisers,
            "drafts": None
            if drafted is None
            else {"draft": drafted[0], "shadow": drafted[1], "calls": drafted[2]},
        }


def errors_of(shadow: Shadow) -> Errors:
    """What was counted, with the canonical transcript as the reference."""
    return Errors(shadow.substitutions, shadow.insertions, shadow.deletions, shadow.canonical_words)


def added_up(shadows: Iterable[Shadow]) -> list[ShadowTotals]:
    """By pass and pair of engines, those with most calls first; what is stale is left out."""
    pairs: defaultdict[tuple[str, str, str], list[Shadow]] = defaultdict(list)
    for shadow in shadows:
        if not shadow.stale:
            pairs[shadow.pass_, shadow.engine, shadow.canonical_engine].append(shadow)
    made = [ShadowTotals(*pair, theirs) for pair, theirs in pairs.items()]
    return sorted(made, key=lambda each: len(each.shadows), reverse=True)
