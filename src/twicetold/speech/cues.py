"""From a segment to subtitle cues: which words stand together, and where their lines break.

The rules are the usual ones of television (BBC Subtitle Guidelines; Netflix Timed Text Style
Guide): two lines of 42 characters, broken at phrase ends and balanced, a cue on the screen for
at most 7 s, no word left alone. The best division of a segment is found by dynamic programming
over its words, in time and memory linear in their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from twicetold.speech.transcript import Segment, Word

WIDTH = 42
LONGEST_S = 7.0
SHORTEST_S = 1.0
READ_PER_S = 17  # characters, spaces included
GAP_S = 0.084  # two frames of film

# Each is worse than everything below it together.
_ALONE = 1e6  # a word alone on the screen
_ORPHAN_LINE = 1e4  # a word alone on the second line
_LONE_START = 1e2  # a word alone on the first
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！", "।")
_CLAUSE_ENDS = (",", ";", ":", "–", "—", "、", "，")
_CLOSERS = "\"'”’»)]"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A line is better not broken after these words, and well broken before those.
_LEANS_ON_NEXT = _set(
    "a an the my your his her its our their this that these those of to in on at for with from by"
    " and but or so if as is are was were be been have has had do does did will would can could"
    " should may might must not no very i we you he she they it i'm we're you're mr mrs ms dr"
)
_BEGINS_PHRASE = _set(
    "and but or so because although while when where which who that if as than then for with"
    " without from to in on at by of about after before until into over under between through"
)


@dataclass(frozen=True, slots=True)
class Lines:
    """One cue's text. ``start`` and ``end`` are those of its words, in seconds."""

    start: float
    end: float
    lines: tuple[str, ...]

    @property
    def characters(self) -> int:
        return sum(map(len, self.lines)) + len(self.lines) - 1


def lay_out(segment: Segment, label_width: int = 0) -> list[Lines]:
    """A segment's cues, in order; none where it has no text.

    ``label_width`` characters are kept free on the first line of each.
    """
    words = timed_words(segment)
    if not words:
        return []
    sheet = _Sheet(words, label_width)
    return [
        Lines(words[first].start, words[last].end, sheet.lines(first, last))
        for first, last in sheet.divide()
    ]


def timed_words(segment: Segment) -> list[Word]:
    """The words of a segment's text, with times that never run backwards nor out of the segment.

    The text says which words there are; where the segment's words do not match it, or have no
    times, each gets a share of the segment by its length.
    """
    texts = segment.text.split() or [text for word in segment.words for text in word.text.split()]
    known = [word for word in segment.words if word.text.strip()]
    spoken = bool(known) and known[-1].end > known[0].start
    if not spoken or len(known) != len(texts):
        return _spread(texts, segment.start, segment.end)
    return _in_order(texts, known, segment.start, segment.end)


def _spread(texts: Sequence[str], start: float, end: float) -> list[Word]:
    ends = list(accumulate(len(text) + 1 for text in texts))
    length = max(0.0, end - start)
    times = [start + length * place / ends[-1] for place in [0, *ends]] if ends else []
    return [Word(*times_, text) for times_, text in zip(pairwise(times), texts, strict=True)]


def _in_order(texts: Sequence[str], known: Sequence[Word], start: float, end: float) -> list[Word]:
    words: list[Word] = []
    earliest = start
    for text, word in zip(texts, known, strict=True):
        begins = min(max(earliest, word.start), max(start, end))
        ends = min(max(begins, word.end), max(start, end))
        if words and words[-1].end > begins:
            words[-1] = replace(words[-1], end=begins)
        words.append(Word(begins, ends, text))
        earliest = begins
    return words


class _Sheet:
    """A segment's words with what every candidate cue asks again and again, counted once."""

    def __init__(self, words: Sequence[Word], label_width: int) -> None:
        self.words = words
        self.count = len(words)
        self.label_width = label_width
        self.breaks = [_break_cost(word, after) for word, after in pairwise(words)] + [0.0]
        # Place of each word's first character were all on one line; one more for the end.
        self.places = [0, *accumulate(len(word.text) + 1 for word in words)]
        pauses = [_pause_cost(after.start - word.end) for word, after in pairwise(words)]
        self.pauses = [0.0, *accumulate(pauses)]
        # The earliest word from which a line can reach to the end of each word.
        self.reaches_back = self._reaches_back()

    def _reaches_back(self) -> list[int]:
        found: list[int] = []
        first = 0
        for last in range(self.count):
            while first < last and not self.fits(first, last, WIDTH):
                first += 1
            found.append(first)
        return found

    def length(self, first: int, last: int) -> int:
        """Characters of a line of these words."""
        return self.places[last + 1] - self.places[first] - 1

    def fits(self, first: int, last: int, width: int) -> bool:
        return first == last or self.length(first, last) <= width

    def divide(self) -> list[tuple[int, int]]:
        """The cheapest division into cues: first and last word of each."""
        costs = [0.0] + [float("inf")] * self.count
        came_from = [0] * (self.count + 1)
        for first in range(self.count):
            first_line = first  # the last word that fits on the cue's first line
            for last in range(first, self.count):
                if self.fits(first, last, WIDTH - self.label_width):
                    first_line = last
                if not self._possible(first, last, first_line):
                    break
                cost = costs[first] + self._cost(first, last, first_line)
                if cost < costs[last + 1]:
                    costs[last + 1], came_from[last + 1] = cost, first
        return self._trace(came_from)

    def _trace(self, came_from: Sequence[int]) -> list[tuple[int, int]]:
        cues: list[tuple[int, int]] = []
        end = self.count
        while end > 0:
            cues.append((came_from[end], end - 1))
            end = came_from[end]
        return cues[::-1]

    def _possible(self, first: int, last: int, first_line: int) -> bool:
        if first == last:
            return True
        if self.words[last].end - self.words[first].start > LONGEST_S:
            return False
        return first_line == last or self.reaches_back[last] <= first_line + 1

    def _cost(self, first: int, last: int, first_line: int) -> float:
        characters = self.length(first, last)
        cost = 3.0 + 2.0 * (characters / (2 * WIDTH)) ** 2  # few cues, evenly filled
        cost += 2.0 * self.breaks[last] + self.pauses[last] - self.pauses[first]
        if first == last and not self._is_sentence(first):
            cost += _ALONE
        if first_line < last and last - 1 < max(self.reaches_back[last], first + 1):
            cost += _ORPHAN_LINE  # no break leaves two words for the second line
        if last + 1 < self.count:
            allowed = self.words[last + 1].start - GAP_S - self.words[first].start
            needed = max(SHORTEST_S, characters / READ_PER_S)
            cost += min(20.0, 8.0 * max(0.0, needed - allowed))
        return cost

    def _is_sentence(self, word: int) -> bool:
        begins = word == 0 or _ends_sentence(self.words[word - 1].text)
        return begins and (word == self.count - 1 or _ends_sentence(self.words[word].text))

    def lines(self, first: int, last: int) -> tuple[str, ...]:
        """One line if all fits on it, else the two that read best."""
        if self.fits(first, last, WIDTH - self.label_width):
            return (self._text(first, last),)
        choices = [
            second
            for second in range(max(self.reaches_back[last], first + 1), last + 1)
            if self.fits(first, second - 1, WIDTH - self.label_width)
        ]
        best = min(choices, key=lambda second: self._line_cost(first, second, last))
        return self._text(first, best - 1), self._text(best, last)

    def _line_cost(self, first: int, second: int, last: int) -> float:
        upper = self.length(first, second - 1) + self.label_width
        cost = self.breaks[second - 1] + 0.1 * abs(upper - self.length(second, last))
        return cost + _ORPHAN_LINE * (second == last) + _LONE_START * (second == first + 1)

    def _text(self, first: int, last: int) -> str:
        return " ".join(word.text for word in self.words[first : last + 1])


def _ends_sentence(text: str) -> bool:
    return text.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS)


def _break_cost(word: Word, after: Word) -> float:
    """How badly it reads to break between two words: 0 after a sentence to 6 within a phrase."""
    if _ends_sentence(word.text):
        return 0.0
    if word.text.rstrip(_CLOSERS).endswith(_CLAUSE_ENDS) or after.start - word.end >= 0.3:
        return 1.0
    if word.text.lower() in _LEANS_ON_NEXT:
        return 6.0
    return 2.0 if after.text.lower() in _BEGINS_PHRASE else 4.0


def _pause_cost(pause_s: float) -> float:
    """A cue that stands through a long pause gives away what is to come."""
    return 4.0 * pause_s if pause_s > 0.8 else 0.0
