"""Draft and canonical transcript side by side, by time, with the words that differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twicetold.speech.transcript import Segment, Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table
    from rich.text import Text

_FAR_S = 2.0  # canonical words farther than this from every utterance get a row of their own

Marked = list[tuple[str, bool]]  # a word, and whether the other side lacks it


@dataclass(slots=True)
class Row:
    """One utterance of the draft beside what the canonical transcript has there."""

    channel: int
    start: float
    end: float
    draft: list[Word] = field(default_factory=list)
    canonical: list[Word] = field(default_factory=list)

    def marked(self) -> tuple[Marked, Marked]:
        """Both sides' words with what differs."""
        return marked_words(
            [word.text for word in self.draft], [word.text for word in self.canonical]
        )


def rows(draft: Iterable[Segment], canonical: Iterable[Segment]) -> list[Row]:
    """Rows by time: one an utterance of the draft, and one where only the canonical has words."""
    made = [
        Row(segment.channel, segment.start, segment.end, words_of(segment)) for segment in draft
    ]
    for segment in canonical:
        extra = Row(segment.channel, segment.start, segment.end)
        for word in words_of(segment):
            _nearest(made, segment.channel, word, extra).canonical.append(word)
        if extra.canonical:
            made.append(extra)
    return sorted(made, key=lambda row: (row.start, row.channel))


def words_of(segment: Segment) -> list[Word]:
    """The words with their times; those of an engine that gives none are spread evenly."""
    if segment.words:
        return list(segment.words)
    texts = segment.text.split()
    step = (segment.end - segment.start) / max(1, len(texts))
    return [
        Word(segment.start + number * step, segment.start + (number + 1) * step, text)
        for number, text in enumerate(texts)
    ]


def _nearest(made: list[Row], channel: int, word: Word, otherwise: Row) -> Row:
    middle = (word.start + word.end) / 2

    def away_s(row: Row) -> float:
        return max(row.start - middle, middle - row.end, 0.0)

    near = min((row for row in made if row.channel == channel), key=away_s, default=None)
    return near if near is not None and away_s(near) <= _FAR_S else otherwise


def marked_words(left: Sequence[str], right: Sequence[str]) -> tuple[Marked, Marked]:
    """Each side's words, marked where they differ; case and punctuation do not count."""
    matcher = difflib.SequenceMatcher(
        a=[_folded(word) for word in left], b=[_folded(word) for word in right], autojunk=False
    )
    ours: Marked = [(word, True) for word in left]
    theirs: Marked = [(word, True) for word in right]
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            ours[block.a + offset] = (left[block.a + offset], False)
            theirs[block.b + offset] = (right[block.b + offset], False)
    return ours, theirs


def _folded(word: str) -> str:
    return re.sub(r"[^\w']", "", word).casefold()


def table_of(
    made: Sequence[Row],
    names: Mapping[int, str],
    *,
    plain: bool = False,
    titles: tuple[str, str] = ("draft (live)", "canonical (after the call)"),
) -> Table:
    """The rows for a terminal: what differs is coloured and underlined; ``plain``: in asterisks."""
    from rich.table import Table

    from twicetold.cli.console import clock

    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("", no_wrap=True, style="dim")
    table.add_column("", no_wrap=True)
    for title in titles:
        table.add_column(title, ratio=1)
    for row in made:
        ours, theirs = row.marked()
        left = _text(ours, "" if plain else "underline red")
        right = _text(theirs, "" if plain else "underline green")
        table.add_row(clock(row.start), names.get(row.channel, ""), left, right)
    return table


def _text(words: Marked, style: str) -> Text:
    """The words; those that differ in ``style``, or in asterisks where there is none."""
    from rich.text import Text

    text = Text()
    for number, (word, differs) in enumerate(words):
        text.append(" " if number else "")
        text.append(word if style or not differs else f"*{word}*", style if differs else "")
    return text
