"""What an evaluation found: per recording, per engine, and between two engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from twicetold.evaluation import Pass
from twicetold.evaluation.reference import Scored
from twicetold.speech.scoring import (
    Errors,
    Interval,
    normaliser_name,
    paired_bootstrap,
    wer_interval,
)

FEWEST_FILES = 10  # with fewer, resampling them says little about others


@dataclass(frozen=True, slots=True)
class FileFigures:
    """One recording that was heard. ``took_s``: wall time of the whole pass over it."""

    name: str
    language: str
    audio_s: float
    took_s: float
    errors: Errors
    scored: Scored
    reference: str = ""  # the file that says what was said

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"wer": self.errors.wer, "normaliser": normaliser_name(self.language)}


@dataclass(frozen=True, slots=True)
class Failure:
    """One recording without figures, or an engine that did not start (then ``name`` is its)."""

    name: str
    code: str
    reason: str


@dataclass(slots=True)
class EngineFigures:
    """One engine in one pass. ``price``: for an hour of audio, in the user's own currency;
    ``left_out``: recordings in languages that the engine does not know."""

    engine: str
    pass_: Pass
    model: str = ""
    price: float | None = None
    files: list[FileFigures] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[Failure] = field(default_factory=list)
    broken: Failure | None = None  # the engine did not start, or ended
    finished: bool = False  # all recordings were tried

    @property
    def name(self) -> str:
        return f"{self.engine} ({self.pass_})"

    @property
    def errors(self) -> Errors:
        return sum((each.errors for each in self.files), Errors())

    @property
    def audio_s(self) -> float:
        return sum(each.audio_s for each in self.files)

    @property
    def rtfx(self) -> float | None:
        """Audio seconds for each second of work, recordings one after another."""
        took_s = sum(each.took_s for each in self.files)
        return self.audio_s / took_s if took_s > 0 else None

    @property
    def wer(self) -> float | None:
        """None where no word of a reference was scored."""
        return self.errors.wer if self.errors.reference_words else None

    @property
    def interval(self) -> Interval | None:
        """The WER with its bounds; None where the recordings are too few for that."""
        if len(self.files) < FEWEST_FILES or self.wer is None:
            return None
        return wer_interval([each.errors for each in self.files])

    @property
    def cost(self) -> float | None:
        """Of the recordings that were heard."""
        return None if self.price is None else self.price * self.audio_s / 3600

    def to_dict(self) -> dict[str, Any]:
        interval = self.interval
        return {
            "engine": self.engine,
            "model": self.model,
            "pass": self.pass_,
            "finished": self.finished,
            "broken": None if self.broken is None else asdict(self.broken),
            "wer": self.wer,
            "interval": None if interval is None else {"low": interval.low, "high": interval.high},
            **asdict(self.errors),
            "audio_s": self.audio_s,
            "rtfx": self.rtfx,
            "price": self.price,
            "cost": self.cost,
            "failures": [asdict(each) for each in self.failures],
            "left_out": [asdict(each) for each in self.left_out],
            "files": [each.to_dict() for each in self.files],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """WER of ``one`` less that of ``other`` over the ``files`` that both heard."""

    one: str
    other: str
    files: int
    difference: Interval

    @property
    def sure(self) -> bool:
        """Whether enough files say the same: zero lies outside of the interval."""
        apart = self.difference.low > 0 or self.difference.high < 0
        return self.files >= FEWEST_FILES and apart

    def sentence(self) -> str:
        """What was found, in plain words; points are percentage points of WER."""
        mean, low, high = self.difference.mean, self.difference.low, self.difference.high
        better, worse = (self.other, self.one) if mean > 0 else (self.one, self.other)
        if mean < 0:
            mean, low, high = -mean, -high, -low
        points = f"{100 * mean:.1f} points"
        if self.files < FEWEST_FILES:
            many = f"{self.files} files are" if self.files > 1 else "one file is"
            here = f"{points} better here" if mean else "no difference here"
            return (
                f"{better} against {worse}: {here}, but {many} too few to tell "
                f"({FEWEST_FILES} or more are needed)."
            )
        between = f"95 % between {100 * low:.1f} and {100 * high:.1f}"
        if not self.sure:
            return (
                f"{better} and {worse} cannot be told apart on these {self.files} files: "
                f"{points}, {between}."
            )
        return f"{better} is better than {worse}: {points}, {between} ({self.files} files)."

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"sure": self.sure, "sentence": self.sentence()}


def compared(one: EngineFigures, other: EngineFigures) -> Comparison | None:
    """A paired bootstrap over the files that both heard; None where these hold no words."""
    theirs = {each.name: each.errors for each in other.files}
    pairs = [
        (each.errors.total, theirs[each.name].total, each.errors.reference_words)
        for each in one.files
        if each.name in theirs
    ]
    if sum(words for _, _, words in pairs) == 0:
        return None
    return Comparison(one.name, other.name, len(pairs), paired_bootstrap(pairs))


def comparisons(rows: Sequence[EngineFigures]) -> list[Comparison]:
    """Engines of one pass with each other, and each engine's two passes."""
    pairs = (
        compared(one, other)
        for one, other in combinations(rows, 2)
        if one.pass_ is other.pass_ or one.engine == other.engine
    )
    return [each for each in pairs if each is not None]


def normalisers(rows: Iterable[EngineFigures]) -> list[str]:
    """Those that the words went through, each once."""
    return sorted({normaliser_name(each.language) for row in rows for each in row.files})
