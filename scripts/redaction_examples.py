"""The marked calls of ``benchmarks/redaction_sets`` as examples for the tagger."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.redaction import segments_of
from benchmarks.redaction_sets.read import HERE, Dialogue, parse
from benchmarks.redaction_sets.score import allowed
from scripts.redaction_mishearing import misheard_call
from scripts.redaction_styles import cased, plain

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.deciding import Runs
from twicetold.enrich.redaction.redactor import rule_marks, turns_of
from twicetold.enrich.redaction.tagger.features import features_of, told_by
from twicetold.enrich.redaction.tagger.kinding import GROUPS, kind_features
from twicetold.enrich.redaction.tagger.tagger import word_hash
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn

# ``held_out`` too: what is shipped learns from all there is, and what that is worth on unseen texts
# is measured without it, by --leave-out.
SETS = (
    *("dev", "more", "third", "held_out", "fourth", "fifth", "sixth"),
    *("ninth", "tenth", "eleventh", "twelfth"),
)
# Of those that the rules were not written with, five as different as they are: what rules are worth
# is learned from these. Each costs a training of its own, without it.
UNSEEN = ("held_out", "fifth", "sixth", "tenth", "twelfth")
LEAST_CALLS = 3  # a word is common if so many other calls have it, unmarked
FREE, OUT, IN = -1, 0, 1
_REMEMBERED = 3
_MISHEARD_OF = 2  # of so many dialogues, one


@dataclass(slots=True)
class Call:
    """A dialogue as the tagger would meet it: per turn, the context before it, what the rules
    found, and for each token whether it is in (`FREE`: either will do)."""

    turns: list[Turn]
    contexts: list[Context]
    found: list[list[Mark]]
    labels: list[list[int]]
    spans: list[tuple[int, int, int, str]]  # turn, first and last token, kind of the sets
    unmarked: set[str]


@dataclass(slots=True)
class Examples:
    """``turns``, and what the rules found in each; ``words``: per turn, each token's rows, and
    ``labels``; ``kinds``: rows and the kind."""

    turns: list[tuple[Turn, list[Mark]]]
    words: list[list[list[int]]]
    labels: list[list[int]]
    kinds: list[tuple[list[int], int]]


def dialogues_of(names: Iterable[str]) -> list[Dialogue]:
    """The sets' dialogues, each also as another recogniser writes it, with punctuation or without,
    and every other one as a poor recogniser mishears it."""
    found: list[Dialogue] = []
    for name in names:
        lines = (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            body = json.loads(line)
            found += parse([line])
            found += parse([json.dumps(_otherwise(body))])
            if number % _MISHEARD_OF == 0:
                found += parse([json.dumps(misheard_call(body))])
    return found


def _otherwise(body: dict[str, Any]) -> dict[str, Any]:
    chance, turns = random.Random(body["id"]), []
    for turn in body["turns"]:
        text = turn["text"]
        text = cased(text, chance) if body["style"] == "plain" else plain(text)
        turns.append({"who": turn["who"], "text": text})
    return {**body, "turns": turns}


def call_of(dialogue: Dialogue) -> Call:
    """Runs the rules over a dialogue."""
    context = Context()
    turns = turns_of(segments_of(dialogue.turns), context)
    runs = Runs(context)
    call = Call(turns, [], [], [], [], set())
    marked, neutral, free = allowed(dialogue)
    either = marked | neutral | free
    for turn, given in zip(turns, dialogue.turns, strict=True):
        call.contexts.append(context.copy())
        call.found.append(rule_marks(turn, context, runs))
        needed = {at for mark in given.marks if not mark.free for at in mark.required}
        # Names spoken whole are for a model that knows names: what is taken without one is a guess.
        named = {at for m in given.marks if m.kind == "name" for at in range(m.first, m.end)}
        free = {at for index, at in either if index == turn.index} - named
        words = (token.word for token in turn.tokens)
        call.labels.append([IN if at in needed else FREE if at in free else OUT for at in words])
        for mark in given.marks:
            inside = [at for at, t in enumerate(turn.tokens) if mark.first <= t.word < mark.end]
            if not mark.free and inside:
                call.spans.append((turn.index, inside[0], inside[-1], mark.kind))
        call.unmarked |= {
            t.norm
            for t in turn.tokens
            if t.sort is Sort.WORD and (turn.index, t.word) not in marked
        }
    return call


def common_in(calls: Sequence[Call]) -> Counter[str]:
    """In how many calls each word stands unmarked."""
    return Counter(word for call in calls for word in call.unmarked)


def common_hashes(known: Counter[str]) -> frozenset[int]:
    return frozenset(word_hash(word) for word, calls in known.items() if calls >= LEAST_CALLS)


def examples_of(calls: Sequence[Call], known: Counter[str], own: bool = True) -> Examples:
    """Examples to learn from. If the calls are ``own``, those that ``known`` was counted in, a
    word of the call itself does not count as common, so that as many are unknown here as in a
    call that was never seen."""
    examples = Examples([], [], [], [])
    groups = list(GROUPS)
    for call in calls:
        before: list[Told] = []
        for turn, context, found, labels in zip(
            call.turns, call.contexts, call.found, call.labels, strict=True
        ):

            def is_common(word: str, here: set[str] = call.unmarked) -> bool:
                return known[word] - (own and word in here) >= LEAST_CALLS

            if labels and not turn.is_backchannel:
                marks = [mark for mark in found if mark.turn == turn.index]
                examples.turns.append((turn, marks))
                rows = features_of(turn, context, before, is_common)
                examples.words.append(rows.all())
                examples.labels.append(labels)
            for index, first, last, kind in call.spans:
                if index == turn.index:
                    told_of = kind_features(turn, first, last, context, before)
                    examples.kinds.append((told_of, groups.index(kind)))
            if not turn.is_backchannel:
                gone = [at for mark in found for at in range(mark.first, mark.last + 1)]
                told = told_by(turn, is_common, gone, found[-1].kind if found else "")
                before = [told, *before][:_REMEMBERED]
    return examples
