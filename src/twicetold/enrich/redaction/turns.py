"""A call as turns of tokens, and what is found in them."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from twicetold.enrich.redaction.cues import Cue, cues_of
from twicetold.enrich.redaction.runs import Run, runs_of
from twicetold.enrich.redaction.tokens import Sort, Token, tokens_of
from twicetold.enrich.redaction.vocabulary import BACKCHANNEL, CORRECTIONS, FILLERS, STOP, words

_VALUES = (Sort.ORDINAL, Sort.MONTH, Sort.DATE, Sort.EMAIL, Sort.IP, Sort.HANDLE)
_SAYING = (Sort.FILLER, Sort.SYMBOL, Sort.REDACTED)


_QUESTIONS = frozenset(
    [("how", w) for w in ("many", "much", "long", "old", "often", "far", "big")]
    + [
        ("did", "you"),
        ("do", "you"),
        ("are", "you"),
        ("have", "you"),
        ("what", "time"),
        ("is", "there"),
    ]
    + [("what", "year"), ("what", "day"), ("what", "size"), ("what", "model"), ("what", "kind")]
    + [("would", "you"), ("when", "did"), ("when", "do"), ("when", "is"), ("when", "was")]
)


_ASKING = words("when where why has have had is are was were will do does did shall should")
_REQUESTS = words(
    "what what's whats which where can could may please need give tell confirm verify have "
    "your read spell say enter provide who when"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Tokens ``first`` to ``last`` of a turn, both inclusive, are of a kind; ``value`` is what
    they stand for: digits, letters, words. ``also``: what they are more likely, by what was asked
    or by their form; they go where either is to go, and are called that if it is."""

    turn: int
    first: int
    last: int
    kind: str
    value: str
    also: str = ""


@dataclass(slots=True)
class Turn:
    """What one side said in one go. ``party``: who, "" where nobody knows. ``runs`` are in order
    and do not overlap."""

    index: int
    party: str
    tokens: list[Token]
    runs: list[Run] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    _is_answer: bool | None = field(default=None, init=False, repr=False, compare=False)

    def run_at(self, at: int) -> Run | None:
        """The run that the token belongs to."""
        place = bisect_right(self.runs, at, key=lambda run: run.first) - 1
        run = self.runs[place] if place >= 0 else None
        return run if run is not None and at <= run.last else None

    @property
    def is_backchannel(self) -> bool:
        """ "Okay", "go ahead", a cough: says nothing of its own."""
        return not self.runs and all(is_glue(token) for token in self.tokens)

    @property
    def is_answer(self) -> bool:
        """Nothing but values and what goes round them: "yes it's four two". Once the cues are
        there, that stays so."""
        if self._is_answer is None:
            self._is_answer = self._answers()
        return self._is_answer

    def _answers(self) -> bool:
        covered = {at for run in self.runs for at in range(run.first, run.last + 1)}
        named = {at for cue in self.cues if cue.kind for at in range(cue.first, cue.end)}
        free = [t for at, t in enumerate(self.tokens) if at not in covered and at not in named]
        return all(is_glue(t) or t.norm in STOP or t.sort in _VALUES for t in free)

    @property
    def counts(self) -> bool:
        """ "How many", "how long": whatever else it names, the answer is a number of something."""
        norms = [token.norm for token in self.tokens]
        return any(
            a == "how" and b in ("many", "much", "long", "old", "often", "far")
            for a, b in itertools.pairwise(norms)
        )

    @property
    def requests(self) -> bool:
        """Whether the turn wants something to be told: a question, or no more than a name."""
        norms = {token.norm for token in self.tokens}
        short = len(self.tokens) <= 7
        return short or bool(norms & _REQUESTS) or any("?" in t.raw for t in self.tokens)

    @property
    def asks_otherwise(self) -> bool:
        """A question that names no kind: what is answered to it is something else."""
        if any(cue.kind for cue in self.cues) or self.is_backchannel:
            return False
        norms = [token.norm for token in self.tokens if token.norm not in FILLERS]
        asked = bool(self.tokens) and self.tokens[-1].raw.endswith("?") and not self.runs
        pairs = set(itertools.pairwise(norms))
        first = norms[0] if norms else ""
        return asked or bool(pairs & _QUESTIONS) or first in _ASKING

    @property
    def corrects(self) -> bool:
        return any(token.norm in CORRECTIONS for token in self.tokens)


def turn_of(index: int, party: str, words: list[str]) -> Turn:
    tokens = tokens_of(words)
    turn = Turn(index, party, tokens, runs_of(tokens))
    turn.cues = cues_of(tokens)
    named = {at for cue in turn.cues for at in range(cue.first, cue.end)}
    turn.runs = [r for r in turn.runs if not named.issuperset(range(r.first, r.last + 1))]
    return turn


def words_of(turn: Turn) -> list[str]:
    """The words of a turn as they were given."""
    said: dict[int, str] = {}
    for token in turn.tokens:
        said.setdefault(token.word, token.raw)
    return [said.get(at, "") for at in range(max(said, default=-1) + 1)]


def is_glue(token: Token) -> bool:
    """Whether a token says nothing by itself."""
    return token.sort in _SAYING or token.norm in BACKCHANNEL or token.norm in FILLERS


def glue_only(tokens: Sequence[Token], first: int, end: int) -> bool:
    return all(is_glue(t) or t.norm in STOP for t in tokens[first:end])


def text_between(tokens: Sequence[Token], first: int, last: int) -> str:
    return " ".join(token.norm for token in tokens[first : last + 1])
