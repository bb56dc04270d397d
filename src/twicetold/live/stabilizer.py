"""Words that were told as settled stay told. Pure.

An engine settles words; what its client is told of them is bounded once more, for an utterance may
be cut after the fact, and an engine that fails hears it again from the beginning and may hear
other words.
"""

from __future__ import annotations

from twicetold.speech.transcript import Hypothesis, Word


def kept(told: tuple[Word, ...], heard: Hypothesis) -> tuple[Word, ...]:
    """The words of a hypothesis, beginning with those that were told; what contradicts them in
    their place is left out."""
    count = len(told)
    if [word.text for word in heard.words[:count]] == [word.text for word in told]:
        return told + heard.words[count:]
    until = told[-1].end
    return told + tuple(word for word in heard.words if _middle(word) > until)


def to_tell(
    told: tuple[Word, ...], words: tuple[Word, ...], settled: int, second: float
) -> tuple[Word, ...]:
    """The first words that may be told as settled, those that were told among them: they lie
    before the second at which the utterance may yet be cut."""
    count = len(told)
    while count < min(settled, len(words)) and _middle(words[count]) < second:
        count += 1
    return words[:count]


def before_cut(words: tuple[Word, ...], second: float) -> tuple[Word, ...]:
    """The words whose middle lies before a cut; the others are heard again after it."""
    return tuple(word for word in words if _middle(word) < second)


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2
