"""What the tagger sees of a word: itself, its neighbours, and what the call asked for.

A feature is a string, hashed to a row of weights (``hashed``), so that no word is shipped. Words
are seen by name only if they are common (``Vocabulary``); all others by their form, for the data
themselves are never seen twice.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from twicetold.enrich.redaction.context import WORDED, Context
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tagger.lexicon import ACRONYMS, CLASSES
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Turn
from twicetold.enrich.redaction.vocabulary import (
    BACKCHANNEL,
    FILLERS,
    PHONETIC,
    STOP,
    TEENS,
    TENS,
    words,
)

BITS = 17
_EDGE = "#"
_TOLD_WORDS = 12  # of what was said before, the last so many are seen
_OWN_WORDS = 8
_SHAPE = 8  # signs of a word's shape
_STREETS = words(
    "street road avenue drive lane court close crescent way place terrace boulevard square row "
    "gardens grove hill park mews parade walk rise highway parkway circle apartment flat unit "
    "suite apt floor st ave rd blvd ln dr"
)
_MAILS = words("gmail yahoo hotmail outlook icloud proton aol com net org co uk mail")

IsCommon = Callable[[str], bool]


@lru_cache(maxsize=1 << 17)
def hashed(feature: str) -> int:
    """The row of a feature; two may share one."""
    return zlib.crc32(feature.encode()) & ((1 << BITS) - 1)


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
        self._coarse = [_coarse(token, is_common) for token in tokens]
        self._fine = [_fine(t, c) for t, c in zip(tokens, self._coarse, strict=True)]
        self._runs: dict[int, Run] = {}
        self._run_said: dict[int, str] = {}
        for run in turn.runs:
            said = _run_said(run) + "|" + guard_of(tokens, run)
            for at in range(run.first, run.last + 1):
                self._runs[at] = run
                self._run_said[at] = said
        self._classes = [CLASSES.get(t.norm, ()) if t.sort is Sort.WORD else () for t in tokens]
        self._acronyms = _acronyms_in(tokens)
        self._asked = self._asked_said()
        self._around = self._turn_said()

    def rows(self) -> Rows:
        groups = [_GROUPS.get(coarse, "w") for coarse in self._coarse]
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
            said += [f"s{token.norm[-3:]}", f"s{token.norm[-2:]}", f"cap{_cap(token)}{p1}{k1}"]
        said += self._cue_said(at, group, run)
        if at in self._runs:
            shape = _run_said(self._runs[at])
            said += [f"ar{asked}&{shape}" for asked in self._asked]
        else:
            said += [f"aw{asked}&{k0}&{p1}" for asked in self._asked[:2]]
        for gap in (-1, 0, 1):
            if 0 <= at + gap < self._size:
                said.append(f"sh{gap}{_shape(self._turn.tokens[at + gap])}")
                said += [f"C{gap}{named}&{k0}" for named in self._classes[at + gap]]
        near = self._classes[max(0, at - _OWN_WORDS) : at]
        said += [f"cb{named}&{group}" for named in dict.fromkeys(itertools.chain(*near))]
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
        before = [cue for cue in self._turn.cues if cue.end <= first]
        inside = [cue for cue in self._turn.cues if cue.first <= at < cue.end]
        after = [cue for cue in self._turn.cues if cue.first > at]
        if inside:
            said.append(f"ci{inside[0].kind}{inside[0].strong}")
        if before:
            cue = before[-1]
            gap = _near(first - cue.end)
            plain = all(k not in "?wv" for k in self._coarse[cue.end : first])
            said += [
                f"cb{cue.kind}{cue.strong}{gap}{plain}&{group}",
                f"cr{cue.strong}{bool(cue.kind)}{gap}{plain}&{run}",
                f"ck{cue.kind}{cue.strong}&{group}",
            ]
        if after:
            cue = after[0]
            said.append(f"ca{cue.kind}{cue.strong}{_near(cue.first - at)}&{group}")
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


# --- words as classes ---------------------------------------------------------------------

_SORTS = {
    Sort.DIGITS: "d", Sort.NUMBER: "n", Sort.SCALE: "h", Sort.REPEAT: "r", Sort.LETTER: "l",
    Sort.CODE: "c", Sort.PART: "p", Sort.AMOUNT: "$", Sort.DATE: "D", Sort.ORDINAL: "o",
    Sort.MONTH: "m", Sort.SYMBOL: "s", Sort.EMAIL: "@", Sort.IP: "I", Sort.HANDLE: "H",
    Sort.FILLER: "f", Sort.REDACTED: "X",
}  # fmt: skip
# Words that what was said before bears on alike.
_GROUPS = {
    **dict.fromkeys("dnhrcoPDIm", "n"),
    **dict.fromkeys("lp", "l"),
    **dict.fromkeys("@Hs", "s"),
    **dict.fromkeys("gf", "g"),
    "?": "?",
    "S": "S",
}


def _coarse(token: Token, is_common: IsCommon) -> str:
    """One letter: the sort; of plain words, whether they are common, and say anything."""
    if token.sort is not Sort.WORD:
        return _SORTS[token.sort]
    norm = token.norm
    if norm in _STREETS or norm in _MAILS:
        return "S"
    if norm in PHONETIC and not is_common(norm):
        return "P"
    if norm in STOP:
        return "g"
    if norm in FILLERS or norm in BACKCHANNEL:
        return "v"
    return "w" if is_common(norm) else "?"


def _fine(token: Token, coarse: str) -> str:
    if coarse == "?":
        signs = "".join(sorted({c for c in token.norm if not c.isalnum()}))
        return f"?{signs}{_cap(token)}"
    if coarse == "d":
        return f"d{min(token.written_digits, 9)}{re.sub('[0-9]+', '', token.norm)[:3]}"
    if coarse == "n":
        return "n10" if token.norm in TEENS else "n20" if token.norm in TENS else "n1"
    if coarse in "lcp@IHDX$":
        return coarse
    return token.norm


def _shape(token: Token) -> str:
    """ "VWN" is XX, "Kay" Xx, "4-1" 1-1, "0912" 4."""
    shape = re.sub("[0-9]+", lambda found: str(min(len(found.group()), 6)), token.raw)
    shape = re.sub("[A-Z]+", lambda found: "X" if len(found.group()) == 1 else "XX", shape)
    return re.sub("[a-z]+", "x", shape)[:_SHAPE]


def _acronyms_in(tokens: Sequence[Token]) -> set[int]:
    """Tokens that spell an acronym: "g p s", "GPS"."""
    found: set[int] = set()
    at = 0
    while at < len(tokens):
        end = at
        while end < len(tokens) and tokens[end].sort is Sort.LETTER:
            end += 1
        word = "".join(token.norm for token in tokens[at:end]).removesuffix("s")
        if end - at > 1 and (word in ACRONYMS or word + "s" in ACRONYMS):
            found.update(range(at, end))
        elif tokens[at].norm in ACRONYMS and tokens[at].raw.strip(".,?!").isupper():
            found.add(at)
        at = max(end, at + 1)
    return found


def _cap(token: Token) -> str:
    return "C" if token.raw[:1].isupper() else ""


def _run_said(run: Run) -> str:
    size = run.size if run.size < 8 else 8 + (run.size - 8) // 3
    made = ("d" if run.digits else "") + ("l" if run.letters else "")
    return f"{size}{made}{run.spelled_out:d}{run.cardinal:d}{run.is_pair:d}{run.written:d}"


def _near(gap: int) -> int:
    return gap if gap < 3 else 3 if gap < 6 else 4 if gap < 10 else 5
