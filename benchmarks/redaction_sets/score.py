"""How much of the marked personal data a redactor takes away, and how much else.

    python -m benchmarks.redaction_sets.score NAME MODULE:FUNCTION

scores the function on the set of that name (``dev`` or ``held_out``) and prints a table.
"""

from __future__ import annotations

import importlib
import itertools
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.redaction_sets.read import KINDS, Dialogue, Mark, Turn, read

Removed = Sequence[Mapping[int, str]]  # per turn: indices of the words that go → their kind
Redact = Callable[[Sequence[Turn]], Removed]

FILLERS = 6  # words between two pieces of one item that may go with them

_STEMS = ("thir", "four", "fif", "six", "seven", "eigh", "nine")
_TEENS = frozenset(("ten", "eleven", "twelve", *(f"{stem}teen" for stem in _STEMS)))
_TENS = frozenset(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"))
_UNITS = frozenset(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
_ZEROS_AND_HOMOPHONES = frozenset(
    ("zero", "oh", "o", "nought", "naught", "nil", "for", "to", "too", "won", "ate")
)
_MORE = {"double": 1, "triple": 2, "treble": 2, "hundred": 2, "thousand": 3}
_EDGES = ".,;:!?\"'()-…"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many, with the Wilson score interval of 95 %."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """NaN of nothing."""
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson, E. B. (1927), J. Am. Stat. Assoc. 22, without continuity correction."""
        if not self.of:
            return 0.0, 1.0
        z = 1.959963984540054
        n, p = self.of, self.share
        middle = p + z * z / (2 * n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        whole = 1 + z * z / n
        return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.3f} [{low:.3f}, {high:.3f}] of {self.of}"


@dataclass(frozen=True, slots=True)
class Miss:
    """An item of which something stayed: its words, and those that stayed."""

    dialogue: str
    kind: str
    words: str
    stayed: str


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A run of removed words in which nothing was marked, and what stood around it."""

    dialogue: str
    kinds: tuple[str, ...]
    words: str
    context: str


@dataclass(frozen=True, slots=True)
class Score:
    """What `score` found. ``items`` and ``words``: recall per kind."""

    items: Mapping[str, Rate]
    words: Mapping[str, Rate]
    kinds_right: Rate
    precision: Rate
    precision_of_runs: Rate
    card_digits_left: int
    misses: tuple[Miss, ...]
    false_alarms: tuple[FalseAlarm, ...]

    @property
    def recall(self) -> Rate:
        """Of items, over all kinds."""
        return _sum(self.items.values())

    @property
    def word_recall(self) -> Rate:
        return _sum(self.words.values())


@dataclass(slots=True)
class _Tally:
    items: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))
    agrees: list[bool] = field(default_factory=list)
    removed: Counter[bool] = field(default_factory=Counter)
    runs: Counter[bool] = field(default_factory=Counter)
    digits_left: int = 0
    misses: list[Miss] = field(default_factory=list)
    false_alarms: list[FalseAlarm] = field(default_factory=list)


def score(dialogues: Iterable[Dialogue], redact: Redact) -> Score:
    """Runs a redactor over dialogues.

    An item is found if all words that carry its value are removed, under whatever kind.

    Raises:
        ValueError: The redactor gave another number of turns than it got, or an index that is
            none of its turn's words.
    """
    tally = _Tally()
    for dialogue in dialogues:
        removed = redact(dialogue.turns)
        _check(dialogue, removed)
        _count_items(dialogue, removed, tally)
        _count_removed(dialogue, removed, tally)
    return Score(
        {kind: _rate(tally.items[kind]) for kind in KINDS if kind in tally.items},
        {kind: _rate(tally.words[kind].elements()) for kind in KINDS if kind in tally.words},
        _rate(tally.agrees),
        _rate(tally.removed.elements()),
        _rate(tally.runs.elements()),
        tally.digits_left,
        tuple(tally.misses),
        tuple(tally.false_alarms),
    )


def table(result: Score) -> str:
    """The figures as lines of text; recall of items and of words per kind."""
    lines = [f"{'kind':<16}{'items found':<34}words removed"]
    for kind, rate in result.items.items():
        lines.append(f"{kind:<16}{rate!s:<34}{result.words[kind]}")
    lines.append(f"{'all':<16}{result.recall!s:<34}{result.word_recall}")
    lines.append(f"precision, of words: {result.precision}")
    lines.append(f"precision, of runs:  {result.precision_of_runs}")
    lines.append(f"called by its kind, of items found: {result.kinds_right}")
    lines.append(f"digits of a card that survive, at most: {result.card_digits_left}")
    return "\n".join(lines)


def digits(words: Sequence[str]) -> list[int]:
    """How many digits each word of a number adds.

    "double" adds one, "forty" one before a unit and two elsewhere, "4111" four.
    """
    parts = [word.strip(_EDGES).lower().split("-") for word in words]
    flat = [part for each in parts for part in each]
    following = iter([*flat[1:], ""])
    return [sum(_digits(part, next(following)) for part in each) for each in parts]


def _digits(word: str, following: str) -> int:
    written = sum(letter.isdigit() for letter in word)
    if written:
        return written
    if word in _TENS:
        return 1 if following in _UNITS else 2
    if word in _TEENS:
        return 2
    return _MORE.get(word, int(word in _UNITS or word in _ZEROS_AND_HOMOPHONES))


def _check(dialogue: Dialogue, removed: Removed) -> None:
    if len(removed) != len(dialogue.turns):
        raise ValueError(f"{dialogue.id}: {len(dialogue.turns)} turns, {len(removed)} given back")
    for turn, gone in zip(dialogue.turns, removed, strict=True):
        for index in gone:
            if not 0 <= index < len(turn.words):
                raise ValueError(f"{dialogue.id}: no word {index} in {turn.text!r}")


def _pieces(dialogue: Dialogue) -> dict[int, list[tuple[int, Mark]]]:
    """Per item, its marks with their turns."""
    pieces: dict[int, list[tuple[int, Mark]]] = defaultdict(list)
    for number, turn in enumerate(dialogue.turns):
        for mark in turn.marks:
            pieces[mark.item].append((number, mark))
    return pieces


def _count_items(dialogue: Dialogue, removed: Removed, tally: _Tally) -> None:
    for marks in _pieces(dialogue).values():
        kind = marks[0][1].kind
        if marks[0][1].free:
            continue
        places = [(number, index) for number, mark in marks for index in mark.required]
        words = [dialogue.turns[number].words[index] for number, index in places]
        stayed = [index not in removed[number] for number, index in places]
        tally.items[kind].append(not any(stayed))
        tally.words[kind].update(not stays for stays in stayed)
        if kind == "card_number":
            left = sum(d for d, stays in zip(digits(words), stayed, strict=True) if stays)
            tally.digits_left = max(tally.digits_left, left)
        if any(stayed):
            still = [word for word, stays in zip(words, stayed, strict=True) if stays]
            tally.misses.append(Miss(dialogue.id, kind, " ".join(words), " ".join(still)))
        else:
            named = Counter(removed[number][index] for number, index in places)
            tally.agrees.append(named.most_common(1)[0][0] == kind)


def _count_removed(dialogue: Dialogue, removed: Removed, tally: _Tally) -> None:
    marked, neutral, free = allowed(dialogue)
    for number, (turn, gone) in enumerate(zip(dialogue.turns, removed, strict=True)):
        for run in _runs(gone):
            places = [(number, index) for index in run]
            counted = [place for place in places if place not in free]
            tally.removed.update(place in marked or place in neutral for place in counted)
            right = any(place in marked for place in counted)
            if right or any(place not in neutral for place in counted):
                tally.runs[right] += 1
                if not right:
                    tally.false_alarms.append(_false_alarm(dialogue, turn, gone, run))


def allowed(
    dialogue: Dialogue,
) -> tuple[set[tuple[int, int]], set[tuple[int, int]], set[tuple[int, int]]]:
    """Places (turn, word) that are marked, that lie between pieces, and that are free."""
    marked, neutral, free = set(), set(), set()
    for pieces in _pieces(dialogue).values():
        for number, mark in pieces:
            places = {(number, index) for index in range(mark.first, mark.end)}
            (free if mark.free else marked).update(places)
        for (number, mark), (next_number, following) in itertools.pairwise(pieces):
            between = list(_between(dialogue, (number, mark.end), (next_number, following.first)))
            if len(between) <= FILLERS:
                neutral.update(between)
    return marked, neutral, free - marked


def _between(
    dialogue: Dialogue, start: tuple[int, int], end: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    for number in range(start[0], end[0] + 1):
        first = start[1] if number == start[0] else 0
        last = end[1] if number == end[0] else len(dialogue.turns[number].words)
        for index in range(first, last):
            yield number, index


def _runs(gone: Mapping[int, str]) -> Iterator[list[int]]:
    """Maximal runs of neighbouring indices."""
    run: list[int] = []
    for index in sorted(gone):
        if run and index != run[-1] + 1:
            yield run
            run = []
        run.append(index)
    if run:
        yield run


def _false_alarm(
    dialogue: Dialogue, turn: Turn, gone: Mapping[int, str], run: Sequence[int]
) -> FalseAlarm:
    first, end = run[0], run[-1] + 1
    return FalseAlarm(
        dialogue.id,
        tuple(sorted({gone[index] for index in run})),
        " ".join(turn.words[first:end]),
        " ".join(turn.words[max(0, first - 6) : end + 4]),
    )


def _rate(outcomes: Iterable[bool]) -> Rate:
    counts = Counter(outcomes)
    return Rate(counts[True], counts.total())


def _sum(rates: Iterable[Rate]) -> Rate:
    every = list(rates)
    return Rate(sum(rate.hits for rate in every), sum(rate.of for rate in every))


def main(arguments: Sequence[str]) -> None:
    """``NAME MODULE:FUNCTION``"""
    name, target = arguments
    module, function = target.split(":", 1)
    print(table(score(read(name), getattr(importlib.import_module(module), function))))


if __name__ == "__main__":
    main(sys.argv[1:])
