"""The second reading: of each word, what the rules say of it and what the first reading says.

The rules were written beside some of the marked calls, and hold on those better than they do
elsewhere. What to believe of either is therefore learned from calls that the rules were not
written with, and of those the first reading is one that was trained without their author
(stacking: Wolpert, 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.redaction.kinds import KINDS
from twicetold.enrich.redaction.shapes import iban, is_card
from twicetold.enrich.redaction.tagger.chain import log_odds
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn

# Of a word that no rule marks: the first reading's odds, those above even, whether a mark is
# beside it, or in its turn. Of one that a rule marks: its odds, those below even, those of the
# whole mark, and whether it is the mark's first or last. Of all: the odds of its neighbours.
_FREE = ("free", "free_odds", "free_likely", "beside", "beside_odds", "marked_elsewhere")
_MARKED = ("marked", "odds", "unlikely", "mean", "most", "least", "edge", "edge_odds")
_LONGEST = 6
NAMES = (
    *_FREE,
    *_MARKED,
    "before",
    "after",
    *(f"size{size}" for size in range(_LONGEST + 1)),
    *(f"kind_{kind}" for kind in KINDS),
    *(f"mean_{kind}" for kind in KINDS),
)
_AT = {name: at for at, name in enumerate(NAMES)}
_MOST_ODDS = 8.0
_CERTAIN = (Sort.EMAIL, Sort.IP)

Evidence = list[tuple[int, float]]  # places in `NAMES`, and what each is worth here


@dataclass(frozen=True, slots=True)
class Verdict:
    """``weights``: (names,), in the order of `NAMES`; ``joined``: (2, 2), see `chain`."""

    weights: NDArray[np.float64]
    joined: NDArray[np.float64]

    @classmethod
    def adding(cls) -> Verdict:
        """Takes nothing back: the rules' marks, and what the first reading finds likely."""
        weights = np.zeros(len(NAMES))
        weights[_AT["free_odds"]], weights[_AT["marked"]] = 1.0, 100.0
        return cls(weights, np.zeros((2, 2)))

    def odds(self, turn: Turn, first: Sequence[float], marks: Sequence[Mark]) -> list[float]:
        """Per token the log of the odds that it is personal; ``first``: those of the first
        reading, ``marks``: what the rules found in the turn."""
        weights = self.weights.tolist()
        evidence = evidence_of(turn, first, marks)
        scores = [sum(weights[at] * worth for at, worth in each) for each in evidence]
        return log_odds(scores, self.joined.tolist())


def evidence_of(turn: Turn, first: Sequence[float], marks: Sequence[Mark]) -> list[Evidence]:
    """Per token of the turn, what is known of it."""
    odds = [max(-_MOST_ODDS, min(_MOST_ODDS, each)) for each in first]
    held: dict[int, tuple[Mark, Evidence]] = {}
    for mark in marks:
        shared = _of_mark(mark, odds[mark.first : mark.last + 1])
        held.update(dict.fromkeys(range(mark.first, mark.last + 1), (mark, shared)))
    found = []
    for at, own in enumerate(odds):
        if at in held:
            mark, shared = held[at]
            said = [*shared, (_AT["odds"], own), (_AT["unlikely"], min(own, 0.0))]
            if at in (mark.first, mark.last):
                said += [(_AT["edge"], 1.0), (_AT["edge_odds"], own)]
        else:
            said = [(_AT["free"], 1.0), (_AT["free_odds"], own)]
            said.append((_AT["free_likely"], max(own, 0.0)))
            if at - 1 in held or at + 1 in held:
                said += [(_AT["beside"], 1.0), (_AT["beside_odds"], own)]
            if marks:
                said.append((_AT["marked_elsewhere"], 1.0))
        if at:
            said.append((_AT["before"], odds[at - 1]))
        if at + 1 < len(odds):
            said.append((_AT["after"], odds[at + 1]))
        found.append(said)
    return found


def _of_mark(mark: Mark, odds: Sequence[float]) -> Evidence:
    mean = sum(odds) / len(odds)
    return [
        (_AT["marked"], 1.0),
        (_AT["mean"], mean),
        (_AT["most"], max(odds)),
        (_AT["least"], min(odds)),
        (_AT[f"size{min(len(odds) - 1, _LONGEST)}"], 1.0),
        (_AT[f"kind_{mark.kind}"], 1.0),
        (_AT[f"mean_{mark.kind}"], mean),
    ]


def proven_kind(turn: Turn, mark: Mark) -> str:
    """Of a mark whose form alone proves what it is, and nothing overrules, the kind: a card's or an
    IBAN's check digits, a written e-mail or IP address. Else ""."""
    if any(token.sort in _CERTAIN for token in turn.tokens[mark.first : mark.last + 1]):
        return mark.kind
    value = mark.value.replace(" ", "")
    if value.isdecimal() and value.isascii() and is_card(value):
        return "card_number"
    return "bank_account" if iban(value) else ""
