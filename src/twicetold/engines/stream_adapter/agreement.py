"""LocalAgreement-2: a word is settled once two hypotheses in a row agree on it. Sans-I/O.

After whisper_streaming (Macháček, Dabre, Bojar, 2023), which takes a settled word that is said
again for the same one: here a word is dropped only where it is found to be a settled one that is
heard again (see ``alignment``), and agreement is sought among what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twicetold.engines.stream_adapter.alignment import heard_again
from twicetold.engines.stream_adapter.wording import apart, same_text
from twicetold.speech.transcript import Word

_FOLLOWS = 0.25
_SAME_PLACE = 0.7  # lengths of a word away


@dataclass(slots=True)
class Anchor:
    """A settled word that the window still holds: its text, and where it is heard by now."""

    text: str
    heard: Word


class Agreement:
    """Hypotheses of one window in, settled words out; each is given once, and for good."""

    def __init__(self) -> None:
        self.anchors: list[Anchor] = []
        self.tail: tuple[Word, ...] = ()  # as it was last heard; may change
        self._last_start = 0.0  # of a settled word
        self._silent = False  # the last hypothesis had no words

    def hear(self, words: Sequence[Word]) -> list[Word]:
        """The words that this hypothesis settles. Words are in the order of their times, which
        count from the first sample of all. One without words says nothing where settled ones are
        to be heard, and not much otherwise: only a second one voids the tail."""
        again, self._silent = self._silent, not words
        if self._silent and (self.anchors or not again):
            return []
        new = words[self._find_anchors(words) :]
        agreed = _agreed(self.tail, new)
        self.tail = tuple(new[agreed:])
        return self._settle(new[:agreed])

    def settle_before(self, second: float) -> list[Word]:
        """Wait no longer for words that end before: they are settled as they were last heard."""
        count = 0
        while count < len(self.tail) and self.tail[count].end <= second:
            count += 1
        words, self.tail = self.tail[:count], self.tail[count:]
        return self._settle(words)

    def settle_all(self) -> list[Word]:
        """The end: what was heard last stands."""
        if self._silent and not self.anchors:
            self.tail = ()
        words, self.tail = self.tail, ()
        return self._settle(words)

    def forget_before(self, second: float) -> list[str]:
        """The texts of the settled words that the window no longer holds."""
        count = 0
        while count < len(self.anchors) and _middle(self.anchors[count].heard) < second:
            count += 1
        gone, self.anchors = self.anchors[:count], self.anchors[count:]
        return [anchor.text for anchor in gone]

    def shown_tail(self) -> list[Word]:
        """The tail with times that do not lie before the settled words'."""
        return _not_before(self.tail, self._last_start)

    def _find_anchors(self, words: Sequence[Word]) -> int:
        """How many of the first words are settled ones, which follow slowly where they are heard:
        one hearing, a slip of the recogniser maybe, does not move them far."""
        behind = 0
        indices = heard_again([anchor.heard for anchor in self.anchors], words)
        for anchor, index in zip(self.anchors, indices, strict=True):
            if index is None:
                continue
            behind = index + 1
            if same_text(anchor.heard, words[index]):
                anchor.heard = _nearer(anchor.heard, words[index])
        return behind

    def _settle(self, words: Sequence[Word]) -> list[Word]:
        self.anchors += [Anchor(word.text, word) for word in words]
        settled = _not_before(words, self._last_start)
        if settled:
            self._last_start = settled[-1].start
        return settled


def _agreed(before: Sequence[Word], now: Sequence[Word]) -> int:
    """How many first words two hypotheses have in common, in text and place."""
    count = 0
    for one, other in zip(before, now, strict=False):
        if not same_text(one, other) or apart(one, other) > _SAME_PLACE:
            break
        count += 1
    return count


def _nearer(word: Word, now: Word) -> Word:
    start, end = word.start, word.end
    return replace(
        word,
        start=start + (now.start - start) * _FOLLOWS,
        end=end + (now.end - end) * _FOLLOWS,
    )


def _not_before(words: Sequence[Word], second: float) -> list[Word]:
    placed: list[Word] = []
    for word in words:
        second = max(second, word.start)
        late = word.start < second
        placed.append(replace(word, start=second, end=max(second, word.end)) if late else word)
    return placed


def _middle(word: Word) -> float:
    return (word.start + word.end) / 2
