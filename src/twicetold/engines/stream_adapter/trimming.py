"""Where a window that has grown long is cut. Pure; seconds from the first sample of all.

A cut falls between settled words, and leaves some of them in the window: by them the next
hypothesis is known to go on behind what is settled, though its first word may be half a one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twicetold.engines.stream_adapter.wording import ends_sentence
from twicetold.speech.transcript import Word

_LEFT_IN = 4  # settled words
_PAUSE_S = 0.5  # between two words, as good as a sentence's end
_SLACK_S = 0.1  # that a segment's end may lie inside a word


def at_end(settled: Sequence[Word], segment_ends: Sequence[float]) -> float | None:
    """The last end of a sentence or a segment inside the settled words; None if there is none."""
    for before, behind, second in _places(settled):
        if behind.start - before.end >= _PAUSE_S or ends_sentence(before):
            return second
        if any(before.end - _SLACK_S <= end <= behind.start + _SLACK_S for end in segment_ends):
            return second
    return None


def anywhere(settled: Sequence[Word], earliest: float) -> float | None:
    """The longest pause between settled words that does not lie before ``earliest``, if any."""
    pauses = [
        (behind.start - before.end, second)
        for before, behind, second in _places(settled)
        if second >= earliest
    ]
    return max(pauses)[1] if pauses else None


def beside_words(settled: Sequence[Word], second: float) -> float:
    """That second, or the end of the settled word that sounds there."""
    return max([word.end for word in settled if word.start < second < word.end], default=second)


def _places(settled: Sequence[Word]) -> Iterator[tuple[Word, Word, float]]:
    """The words around each place for a cut and its second, the last place first."""
    for at in range(len(settled) - _LEFT_IN, 0, -1):
        before, behind = settled[at - 1], settled[at]
        yield before, behind, (before.end + behind.start) / 2
