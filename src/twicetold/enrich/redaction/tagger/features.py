"""What the tagger sees of a word: itself, its neighbours, and what the call asked for.

A feature is a string, hashed to a row of weights (``hashed``), so that no word is shipped. Words
are seen by name only if they are common (``Vocabulary``); all others by their form, for the data
themselves are never seen twice.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from twicetold.enrich.redaction.context import WORDED, Context
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tagger.forms import (
    GROUPS,
    IsCommon,
    acronyms_in,
    cap,
    coarse,
    fine,
    near,
    run_said,
    shape,
)
from twicetold.enrich.redaction.tagger.lexicon import CLASSES
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Turn

BITS = 17
_EDGE = "#"
_TOLD_WORDS = 12  # of what was said before, the last so many are seen
_OWN_WORDS = 8


@lru_cache(maxsize=1 << 17)
def hashed(feature: str) -> int:
    """The row of a feature; two may share one."""
    return zlib.crc32(feature.encode("utf-8", "surrogatepass")) & ((1 << BITS) - 1)


def told_by(turn: Turn, is_common: IsCommon, gone: Iterable[int] = (), marked: str = "") -> Told:
    """``gone``: tokens that were removed, which leave nothing."""
    removed = set(gone)
    said = [
        token.norm
        for at, token in enumerate(turn.tokens)
        if at not in removed and token.sort is Sort.WORD and is_common(token.norm)
    ]
    question = any("?" in token.raw for token in turn.tokens)
    return Told(turn.party, question, tuple(said[-_TOLD_WORDS:]), marked)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a turn's tokens: each has its ``own``, and those that its group has in common
    (``shared``; ``groups`` names the group of each token)."""

    own: list[list[int]]
    groups: list[str]
    shared: dict[str, list[int]]

    def scores(self, weights: Sequence[float]) -> list[float]:
        """The sum of each token's weights."""
        take = weights.__getitem__
        common = {group: sum(map(take, rows)) for group, rows in self.shared.items()}
        return [
            sum(map(take, rows)) + common[group]
            for rows, group in zip(self.own, self.groups, strict=True)
        ]

    def all(self) -> list[list[int]]:
        """Per token, all its rows."""
        return [
            rows + self.shared[group] for rows, group in zip(self.own, self.groups, strict=True)
        ]


def features_of(turn: Turn, context: Context, before: Sequence[Told], is_common: IsCommon) -> Rows:
    """What is seen of a turn. ``context`` as it was before the turn; ``before``: the last turns
    that said something, newest first."""
    return _Turn(turn, context, before, is_common).rows()


class _Turn:
    def __init__(
        self, turn: Turn, context: Context, before: Sequence[Told], is_common: IsCommon
    ) -> None:
        self._turn, self._context, self._before = turn, context, before
        tokens = turn.tokens
        self._size = len(tokens)
        self._coarse = [coarse(token, is_common) for token in tokens]
        self._fine = [fine(t, c) for t, c in zip(tokens, self._coarse, strict=True)]
        self._runs: dict[int, Run] = {}
        self._run_said: dict[int, str] = {}
        for run in turn.runs:
            said = run_said(run) + "|" + guard_of(tokens, run)
            for at in range(run.first, run.last + 1):
                self._runs[at] = run
                self._run_said[at] = said
        self._classes = [CLASSES.get(t.norm, ()) if t.sort is Sort.WORD else () for t in tokens]
        self._shapes = [shape(token.raw) for token in tokens]
        self._acronyms = acronyms_in(tokens)
        self._asked = self._asked_said()
        self._around = self._turn_said()

    def rows(self) -> Rows:
        groups = [GROUPS.get(each, "w") for each in self._coarse]
        shared = {
            group: [hashed(f"{said}&{group}") for said in self._around]
            for group in dict.fromkeys(groups)
        }
        own = [list(map(hashed, self._own(at, group))) for at, group in enumerate(groups)]
        return Rows(own, groups, shared)

    def _own(self, at: int, group: str) -> list[str]:
        c, f = self._at, self._fine_at
        token = self._turn.tokens[at]
        k0, k1, k2, p1, p2 = c(at), c(at + 1), c(at + 2), c(at - 1), c(at - 2)
        w0, w1, w2, w3 = f(at), f(at + 1), f(at + 2), f(at + 3)
        v1, v2, v3 = f(at - 1), f(at - 2), f(at - 3)
        run = self._run_said.get(at, "")
        said = [
            "b", f"k{k0}", f"w{w0}", f"w1{w1}", f"w2{w2}", f"w3{w3}", f"v1{v1}", f"v2{v2}",
            f"v3{v3}", f"v1{v1}&{k0}", f"w1{w1}&{k0}", f"v2{v2}&{k0}", f"w2{w2}&{k0}",
            f"v3{v3}&{k0}", f"vv{v2} {v1}&{group}", f"ww{w1} {w2}&{group}",
            f"vw{v1} {w0}", f"wv{w0} {w1}", f"kk{p1}{k0}{k1}", f"k5{p2}{p1}{k0}{k1}{k2}",
            f"r{run}", f"r{run}&{v1}", f"r{run}&{w1}",
            f"p{min(at, 3)}&{group}", f"q{min(self._size - at - 1, 3)}&{group}",
            f"e{token.ends}{token.pauses}{k0}",
        ]  # fmt: skip
        if k0 == "?":
            said += [f"s{token.norm[-3:]}", f"s{token.norm[-2:]}", f"cap{cap(token)}{p1}{k1}"]
        said += self._cue_said(at, group, run)
        if at in self._runs:
            made = run_said(self._runs[at])
            said += [f"ar{asked}&{made}" for asked in self._asked]
        else:
            said += [f"aw{asked}&{k0}&{p1}" for asked in self._asked[:2]]
        for gap in (-1, 0, 1):
            if 0 <= at + gap < self._size:
                said.append(f"sh{gap}{self._shapes[at + gap]}")
                said += [f"C{gap}{named}&{k0}" for named in self._classes[at + gap]]
        told = self._classes[max(0, at - _OWN_WORDS) : at]
        said += [f"cb{named}&{group}" for named in dict.fromkeys(itertools.chain(*told))]
        if at in self._acronyms:
            said += ["acr", f"acr{p1}"]
        said += [f"o{f(near)}&{group}" for near in range(max(0, at - _OWN_WORDS), at - 3)]
        return said

    def _at(self, at: int) -> str:
        return self._coarse[at] if 0 <= at < self._size else _EDGE

    def _fine_at(self, at: int) -> str:
        return self._fine[at] if 0 <= at < self._size else _EDGE

    def _cue_said(self, at: int, group: str, run: str) -> list[str]:
        """The nearest cue before and after: its kind, how far, and whether words lie between."""
        said = []
        first = self._runs[at].first if at in self._runs else at
        cues = self._turn.cues
        inside = next((cue for cue in cues if cue.first <= at < cue.end), None)
        cue = next((cue for cue in reversed(cues) if cue.end <= first), None)
        after = next((cue for cue in cues if cue.first > at), None)
        if inside is not None:
            said.append(f"ci{inside.kind}{inside.strong}")
        if cue is not None:
            gap = near(first - cue.end)
            plain = all(k not in "?wv" for k in self._coarse[cue.end : first])
            said += [
                f"cb{cue.kind}{cue.strong}{gap}{plain}&{group}",
                f"cr{cue.strong}{bool(cue.kind)}{gap}{plain}&{run}",
                f"ck{cue.kind}{cue.strong}&{group}",
            ]
        if after is not None:
            said.append(f"ca{after.kind}{after.strong}{near(after.first - at)}&{group}")
        return said

    def _asked_said(self) -> list[str]:
        """What the call waits for, newest first; by name, then what all kinds have in common."""
        context, party = self._context, self._turn.party
        said = []
        for place, asked in enumerate(context.asked[:3]):
            mine = "" if not party else "y" if asked.may_answer(party) else "n"
            state = f"{asked.strong}{min(asked.fresh, 3)}{asked.stale}{asked.done}{mine}"
            said.append(f"{place}{asked.kind}{state}")
            if not place:
                said.append(f"any{bool(asked.kind)}{asked.kind in WORDED}{state}")
        return said or ["none"]

    def _turn_said(self) -> list[str]:
        """What holds for all words of the turn."""
        turn, context = self._turn, self._context
        mine = "" if not turn.party else "y" if turn.party == context.party else "n"
        said = [
            f"tl{min(self._size // 4, 5)}",
            f"ta{turn.is_answer}{bool(turn.runs)}",
            f"tc{context.kind if context.quiet < 5 else ''}{min(context.quiet, 5)}{mine}",
            f"to{context.open}{min(context.quiet, 5)}{mine}",
            f"tr{context.requested}{context.lasting}",
        ]
        said += [f"as{asked}" for asked in self._asked]
        for age, told in enumerate(self._before[:3]):
            other = told.party != turn.party
            said.append(f"bq{age}{other}{told.question}")
            if told.marked:
                said.append(f"bm{age}{other}{told.marked}")
            if not age:
                said += [f"bw{age}{word}" for word in dict.fromkeys(told.words)]
                about = itertools.chain(*(CLASSES.get(word, ()) for word in told.words))
                said += [f"bc{other}{named}" for named in dict.fromkeys(about)]
                said += [f"bx{age}{' '.join(p)}" for p in itertools.pairwise(told.words)]
        return said
