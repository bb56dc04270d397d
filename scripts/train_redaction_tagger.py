"""Make the weights of the redaction tagger: ``python -m scripts.train_redaction_tagger``.

``--leave-out third`` trains on the other sets and scores the rules, the tagger and both on that
one; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.redaction import CALLED, redact_with, segments_of
from benchmarks.redaction_sets.read import Turn, read
from benchmarks.redaction_sets.score import score, table
from numpy.typing import NDArray
from scripts.redaction_examples import (
    IN,
    OUT,
    SETS,
    Examples,
    call_of,
    common_hashes,
    common_in,
    dialogues_of,
    examples_of,
)

from twicetold.enrich.redaction import Redactor
from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.deciding import Runs
from twicetold.enrich.redaction.readbacks import repeated
from twicetold.enrich.redaction.redactor import rule_marks, turns_of
from twicetold.enrich.redaction.tagger.chain import batch_marginals
from twicetold.enrich.redaction.tagger.features import BITS
from twicetold.enrich.redaction.tagger.kinding import BITS as KIND_BITS
from twicetold.enrich.redaction.tagger.kinding import GROUPS
from twicetold.enrich.redaction.tagger.tagger import WEIGHTS, Tagger, Weights

Floats = NDArray[np.float64]
_SEED, _ROUNDS = 7, 120
_RATE, _DECAY, _DROPPED = 0.05, 1e-5, 0.15
_SURELY = 1e3
_PARTS = 12  # turns of about one length at a time


class Adam:
    """Kingma, Ba (2015), for one array; the last rounds take smaller steps."""

    def __init__(self, start: Floats, rounds: int) -> None:
        self.value = start
        self._first, self._second = np.zeros_like(start), np.zeros_like(start)
        self._round, self._rounds = 0, rounds

    def step(self, slope: Floats) -> None:
        self._round += 1
        self._first = 0.9 * self._first + 0.1 * slope
        self._second = 0.999 * self._second + 0.001 * slope**2
        rate = _RATE * (1.0 if self._round <= 0.6 * self._rounds else 0.3)
        rate *= np.sqrt(1 - 0.999**self._round) / (1 - 0.9**self._round)
        self.value = self.value - rate * self._first / (np.sqrt(self._second) + 1e-9)


@dataclass(slots=True)
class _Flat:
    """All rows of all tokens in one array: ``owner`` is the token of each."""

    rows: NDArray[np.int64]
    owner: NDArray[np.int64]

    @classmethod
    def of(cls, tokens: Sequence[Sequence[int]]) -> _Flat:
        rows = np.array([row for each in tokens for row in each], np.int64)
        return cls(rows, np.repeat(np.arange(len(tokens)), [len(each) for each in tokens]))


def train(examples: Examples, common: frozenset[int], rounds: int = _ROUNDS) -> Weights:
    """Conditional log-likelihood by full batches; features are dropped at random, so that no
    single one is relied on. Where a word may be either, both count."""
    words, joined = _train_words(examples, rounds)
    kinds = _train_kinds(examples, rounds)
    return Weights(words.astype(np.float32), joined, kinds.astype(np.float32), common)


def _train_words(examples: Examples, rounds: int) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(_SEED)
    flat = _Flat.of([token for turn in examples.words for token in turn])
    used, rows = np.unique(flat.rows, return_inverse=True)
    labels = np.array([label for turn in examples.labels for label in turn])
    parts = _parts([len(turn) for turn in examples.labels])
    weights, joined = Adam(np.zeros(len(used)), rounds), Adam(np.zeros((2, 2)), rounds)
    for _ in range(rounds):
        kept = (chance.random(len(rows)) >= _DROPPED) / (1 - _DROPPED)
        scores = np.bincount(flat.owner, weights.value[rows] * kept, len(labels))
        slope, pairs = _slopes(scores, joined.value, labels, parts)
        by_row = np.bincount(rows, slope[flat.owner] * kept, len(used))
        weights.step(by_row / len(labels) + _DECAY * weights.value)
        joined.step(pairs / len(labels))
    words = np.zeros(1 << BITS)
    words[used] = weights.value
    return words, joined.value


_Part = tuple[NDArray[np.int64], NDArray[np.int64]]


def _parts(lengths: Sequence[int]) -> list[_Part]:
    """Turns of about one length: the tokens' places (turns, most words; -1 behind the end)."""
    starts = np.cumsum([0, *lengths[:-1]])
    parts = []
    for chosen in np.array_split(np.argsort(lengths, kind="stable"), _PARTS):
        if len(chosen):
            held = np.array(lengths)[chosen]
            steps = np.arange(held.max())
            places = starts[chosen][:, None] + steps
            parts.append((np.where(steps < held[:, None], places, -1), held))
    return parts


def _slopes(
    scores: Floats, joined: Floats, labels: NDArray[np.int64], parts: Sequence[_Part]
) -> tuple[Floats, Floats]:
    """What is expected, less what is expected where the known labels hold."""
    slope, pairs = np.zeros(len(scores)), np.zeros((2, 2))
    for places, lengths in parts:
        free = np.zeros((*places.shape, 2))
        free[..., 1] = scores[places]
        bound = free.copy()
        bound[..., 0] -= _SURELY * (labels[places] == IN)
        bound[..., 1] -= _SURELY * (labels[places] == OUT)
        expected, all_pairs = batch_marginals(free, lengths, joined)
        known, known_pairs = batch_marginals(bound, lengths, joined)
        there = places >= 0
        slope[places[there]] = (expected - known)[there]
        pairs += all_pairs - known_pairs
    return slope, pairs


def _train_kinds(examples: Examples, rounds: int) -> Floats:
    """Softmax regression."""
    chance = np.random.default_rng(_SEED)
    flat = _Flat.of([rows for rows, _ in examples.kinds])
    labels = np.array([kind for _, kind in examples.kinds])
    truth = np.eye(len(GROUPS))[labels]
    weights = Adam(np.zeros((1 << KIND_BITS, len(GROUPS))), rounds)
    for _ in range(rounds):
        kept = ((chance.random(len(flat.rows)) >= _DROPPED) / (1 - _DROPPED))[:, None]
        scores = np.zeros_like(truth)
        np.add.at(scores, flat.owner, weights.value[flat.rows] * kept)
        odds = np.exp(scores - scores.max(1, keepdims=True))
        wrong = odds / odds.sum(1, keepdims=True) - truth
        slope = np.zeros_like(weights.value)
        np.add.at(slope, flat.rows, wrong[flat.owner] * kept)
        weights.step(slope / len(labels) + 10 * _DECAY * weights.value)
    return weights.value


def trained_on(names: Sequence[str], most: int | None = None, rounds: int = _ROUNDS) -> Weights:
    """The weights that sets give; of ``most`` dialogues only, for a quick try."""
    calls = [call_of(dialogue) for dialogue in dialogues_of(names)[:most]]
    known = common_in(calls)
    return train(examples_of(calls, known), common_hashes(known), rounds)


def _compare(left_out: str) -> None:
    """Rules alone, the tagger alone, and both, on a set that the tagger has not seen."""
    tagger = Tagger(trained_on([name for name in SETS if name != left_out]))
    both, rules = Redactor(tagger=tagger), Redactor(tagger=None)

    for name, redact in (
        ("rules", lambda turns: redact_with(rules, turns)),
        ("tagger", lambda turns: _tagger_alone(tagger, turns)),
        ("both", lambda turns: redact_with(both, turns)),
    ):
        sys.stdout.write(f"{left_out}: {name}\n{table(score(read(left_out), redact))}\n\n")


def _tagger_alone(tagger: Tagger, given: Sequence[Turn]) -> list[Mapping[int, str]]:
    """What it removes by itself; the rules are asked for the context only."""
    context = Context()
    turns = turns_of(segments_of(given), context)
    runs, marks = Runs(context), []
    for turn in turns:
        seen = tagger.see(turn, context)
        rule_marks(turn, context, runs)
        marks += tagger.added(seen, [], context)
    gone: list[dict[int, str]] = [{} for _ in turns]
    for mark in [*marks, *repeated(turns, marks)]:
        for token in turns[mark.turn].tokens[mark.first : mark.last + 1]:
            gone[mark.turn][token.word] = CALLED.get(mark.kind, mark.kind)
    return list(gone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leave-out", choices=SETS)
    left_out = parser.parse_args().leave_out
    if left_out:
        _compare(left_out)
    else:
        trained_on(SETS).save(WEIGHTS)


if __name__ == "__main__":
    main()
