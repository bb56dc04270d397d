"""Make the weights of the redaction tagger: ``python -m scripts.train_redaction_tagger``.

``--leave-out third`` trains on the other sets and scores the rules, the tagger and both on that
one; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.redaction import CALLED, redact_with, segments_of
from benchmarks.redaction_sets.read import Turn, read
from benchmarks.redaction_sets.score import score, table
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scripts.redaction_examples import (
    IN,
    OUT,
    SETS,
    UNSEEN,
    Call,
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
from twicetold.enrich.redaction.tagger.chain import batch_marginals, log_odds
from twicetold.enrich.redaction.tagger.features import BITS
from twicetold.enrich.redaction.tagger.kinding import BITS as KIND_BITS
from twicetold.enrich.redaction.tagger.kinding import GROUPS
from twicetold.enrich.redaction.tagger.tagger import WEIGHTS, Tagger, Weights
from twicetold.enrich.redaction.tagger.verdict import NAMES, Verdict, evidence_of

Floats = NDArray[np.float64]
_SEED, _ROUNDS = 7, 120
_RATE, _DECAY, _DROPPED = 0.05, 1e-5, 0.5
_SURELY = 1e3
_FITTING, _HELD = 300, 3.0  # rounds and Gaussian prior of the second reading
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


def _train_words(examples: Examples, rounds: int) -> tuple[Floats, Floats]:
    """Conditional log-likelihood by full batches; features are dropped at random, so that no
    single one is relied on. Where a word may be either, both count."""
    chance = np.random.default_rng(_SEED)
    tokens = [token for turn in examples.words for token in turn]
    flat = _Flat.of(tokens)
    used, columns = np.unique(flat.rows, return_inverse=True)
    ends = np.cumsum([0, *map(len, tokens)])
    labels = np.array([label for turn in examples.labels for label in turn])
    shape = (len(labels), len(used))
    seen = csr_array((np.ones(len(columns), np.float32), columns, ends), shape)
    parts = _parts([len(turn) for turn in examples.labels])
    weights, joined = Adam(np.zeros(len(used)), rounds), Adam(np.zeros((2, 2)), rounds)
    for _ in range(rounds):
        kept = chance.random(len(seen.data), np.float32) >= _DROPPED
        seen.data[:] = kept / np.float32(1 - _DROPPED)
        scores = (seen @ weights.value.astype(np.float32)).astype(np.float64)
        slope, pairs = _slopes(scores, joined.value, labels, parts)
        by_row = seen.T @ slope.astype(np.float32)
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


def _train_verdict(authors: Mapping[str, Sequence[Call]], rounds: int) -> Verdict:
    """From each author whom the rules did not know, read first by what the others taught."""
    rows: list[tuple[int, int, float]] = []
    labels: list[int] = []
    lengths: list[int] = []
    for name in UNSEEN:
        others = [call for author in authors if author != name for call in authors[author]]
        if not others or name not in authors:
            continue
        known = common_in(others)
        words, joined = _train_words(examples_of(others, known), rounds)
        unseen = examples_of(authors[name], known, own=False)
        for (turn, marks), tokens, label in zip(
            unseen.turns, unseen.words, unseen.labels, strict=True
        ):
            odds = log_odds([words[each].sum() for each in tokens], joined.tolist())
            for evidence in evidence_of(turn, odds, marks):
                rows += [(len(labels), column, worth) for column, worth in evidence]
                labels.append(label[len(labels) - sum(lengths)])
            lengths.append(len(label))
    if not lengths:
        return Verdict.adding()
    return _fitted(rows, np.array(labels), lengths)


def _fitted(
    rows: Sequence[tuple[int, int, float]], labels: NDArray[np.int64], lengths: Sequence[int]
) -> Verdict:
    at, column, worth = (np.array(each) for each in zip(*rows, strict=True))
    parts = _parts(lengths)
    weights, joined = Adam(np.zeros(len(NAMES)), _FITTING), Adam(np.zeros((2, 2)), _FITTING)
    for _ in range(_FITTING):
        scores = np.bincount(at, weights.value[column] * worth, len(labels))
        slope, pairs = _slopes(scores, joined.value, labels, parts)
        by_name = np.bincount(column, slope[at] * worth, len(NAMES))
        weights.step((by_name + _HELD * weights.value) / len(labels))
        joined.step((pairs + _HELD * joined.value) / len(labels))
    return Verdict(weights.value, joined.value)


def trained_on(names: Sequence[str], most: int | None = None, rounds: int = _ROUNDS) -> Weights:
    """The weights that sets give; of ``most`` dialogues each only, for a quick try."""
    authors = {name: [call_of(each) for each in dialogues_of([name])[:most]] for name in names}
    calls = [call for each in authors.values() for call in each]
    known = common_in(calls)
    examples = examples_of(calls, known)
    words, joined = _train_words(examples, rounds)
    return Weights(
        words.astype(np.float32),
        joined,
        _train_kinds(examples, rounds).astype(np.float32),
        common_hashes(known),
        _train_verdict(authors, rounds),
    )


def _compare(left_out: str) -> None:
    """Rules alone, the first reading alone, and both, on a set that the tagger has not seen."""
    weights = trained_on([name for name in SETS if name != left_out])
    tagger = Tagger(weights)
    alone = Tagger(replace(weights, verdict=Verdict.adding()), leaning=0.0)
    both, rules = Redactor(tagger=tagger), Redactor(tagger=None)

    for name, redact in (
        ("rules", lambda turns: redact_with(rules, turns)),
        ("tagger", lambda turns: _tagger_alone(alone, turns)),
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
        marks += tagger.decided(seen, [], context)
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
