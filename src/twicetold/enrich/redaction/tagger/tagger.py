"""The trained tagger: it adds marks to those of the rules, and takes some back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile
from zlib import crc32

import numpy as np
import structlog
from numpy.typing import NDArray

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.guards import guard_of
from twicetold.enrich.redaction.stretching import with_names
from twicetold.enrich.redaction.tagger import kinding
from twicetold.enrich.redaction.tagger.chain import log_odds
from twicetold.enrich.redaction.tagger.features import features_of, told_by
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.tagger.verdict import NAMES, Verdict, proven_kind
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn
from twicetold.enrich.redaction.vocabulary import words

WEIGHTS = Path(__file__).parent / "weights.npz"
FORMAT = 2
# Log of the odds against being personal at which a word is still taken that no rule marks (one in
# three is personal), and at which a rule's mark still stays (one in six).
LEANING = 0.6
_BELIEVED = 1.6
_LIKELIER = 0.3  # by so much of all chances than a rule's kind another one must be
_REMEMBERED = 3
_QUANTITIES = frozenset({"unit", "price", "decimal", "dialled", "model"})  # no data, says a guard
_HOPELESS = -4.0  # below that nothing is taken that no rule marks
_MAILED = words("dot underscore gmail yahoo hotmail outlook icloud")
_NEVER = (Sort.REDACTED, Sort.AMOUNT)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Weights:
    """``words``: (2^17,) for a word to be in; ``joined``: (2, 2), see `chain`; ``kinds``:
    (2^12, kinds), in the order of `kinding.GROUPS`; ``common``: hashes of common words;
    ``verdict``: the second reading."""

    words: NDArray[np.float32]
    joined: NDArray[np.float64]
    kinds: NDArray[np.float32]
    common: frozenset[int]
    verdict: Verdict

    def save(self, path: Path) -> None:
        """In half precision; the same weights give the same bytes."""
        np.savez_compressed(
            path,
            format=np.array(FORMAT),
            words=self.words.astype(np.float16),
            joined=self.joined.astype(np.float32),
            kinds=self.kinds.astype(np.float16),
            common=np.array(sorted(self.common), np.uint32),
            verdict=self.verdict.weights.astype(np.float32),
            verdict_joined=self.verdict.joined.astype(np.float32),
        )

    @classmethod
    def load(cls, path: Path) -> Weights:
        """Raises OSError, ValueError, KeyError, EOFError, BadZipFile: it is no file of weights."""
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as body:
            if int(body["format"]) != FORMAT:
                raise ValueError(f"weights of format {body['format']}, not {FORMAT}")
            if body["verdict"].shape != (len(NAMES),):
                raise ValueError("weights for other evidence than there is")
            return cls(
                body["words"].astype(np.float32),
                body["joined"].astype(np.float64),
                body["kinds"].astype(np.float32),
                frozenset(body["common"].tolist()),
                Verdict(
                    body["verdict"].astype(np.float64), body["verdict_joined"].astype(np.float64)
                ),
            )


@lru_cache(maxsize=1 << 14)
def word_hash(word: str) -> int:
    """What a common word is known by."""
    return crc32(word.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A turn as it was before the rules read it: per token the ``odds`` (log) of being personal
    by the first reading, and what the call had asked."""

    turn: Turn
    odds: list[float]
    before: Context


class Tagger:
    """Has the last word on the marks of the rules; pure, like `Redactor`."""

    def __init__(self, weights: Weights, leaning: float = LEANING) -> None:
        self._weights, self._leaning = weights, leaning
        self._groups = list(kinding.GROUPS)
        self._words: list[float] = weights.words.tolist()  # faster than arrays, a few at a time
        self._joined: list[list[float]] = weights.joined.tolist()

    def is_common(self, word: str) -> bool:
        return word_hash(word) in self._weights.common

    def see(self, turn: Turn, context: Context) -> Seen:
        """The first reading; to be called before the rules move ``context`` on."""
        if turn.is_backchannel:
            return Seen(turn, [], context)
        rows = features_of(turn, context, context.told, self.is_common)
        odds = log_odds(rows.scores(self._words), self._joined)
        return Seen(turn, odds, context.copy() if max(odds) > _HOPELESS else context)

    def decided(
        self, seen: Seen, found: Sequence[Mark], context: Context, given: Collection[int] = ()
    ) -> list[Mark]:
        """What goes, of what the rules ``found`` in the turn and what they did not; it is over,
        and ``context`` learns it. Tokens that are ``given`` go whatever this says."""
        turn = seen.turn
        if turn.is_backchannel:
            return list(found)
        own = [mark for mark in found if mark.turn == turn.index]
        inside = self._inside(seen, own)
        kept = [
            mark
            for mark in own
            if any(inside[mark.first : mark.last + 1])
            or proven_kind(turn, mark)
            or _touches(mark, given)
        ]
        taken = {at for mark in kept for at in range(mark.first, mark.last + 1)}
        made = (self._mark(seen, *ends, kept) for ends in _stretches(turn, inside, taken))
        new = [mark for mark in made if not _is_greeting(turn, mark, seen.before)]
        for mark in new:
            context.found(mark.kind, len(mark.value), turn.party)
        called = [mark if _touches(mark, given) else self._called(seen, mark) for mark in kept]
        every = sorted(with_names(turn, [*called, *new]), key=lambda mark: mark.first)
        gone = {at for mark in every for at in range(mark.first, mark.last + 1)}
        told = told_by(turn, self.is_common, gone, every[-1].kind if every else "")
        context.told = [told, *context.told][:_REMEMBERED]
        return [mark for mark in found if mark.turn != turn.index] + every

    def _inside(self, seen: Seen, own: Sequence[Mark]) -> list[bool]:
        """The second reading; a run goes if half of it does."""
        odds = self._weights.verdict.odds(seen.turn, seen.odds, own)
        inside = [each > -self._leaning for each in odds]
        for mark in own:
            for at in range(mark.first, mark.last + 1):
                inside[at] = odds[at] > -_BELIEVED
        for run in seen.turn.runs:
            size = run.last + 1 - run.first
            share = sum(inside[run.first : run.last + 1])
            inside[run.first : run.last + 1] = [2 * share >= size] * size
        return inside

    def _mark(self, seen: Seen, first: int, last: int, marks: Sequence[Mark]) -> Mark:
        turn = seen.turn
        value = kinding.value_of(turn, first, last)
        kind = kinding.beside(marks, first, last)
        if not kind:
            best = int(self._kind_odds(seen, first, last).argmax())
            kind = kinding.kind_of_group(self._groups[best], value, turn, seen.before)
        if kind == "date_of_birth":
            value = kinding.date_value(turn, first, last)
        return Mark(turn.index, first, last, kind, value)

    def _called(self, seen: Seen, mark: Mark) -> Mark:
        """A rule's mark with what its form proves that it is, or what is likelier by far."""
        return replace(mark, also=proven_kind(seen.turn, mark) or self._likelier(seen, mark))

    def _likelier(self, seen: Seen, mark: Mark) -> str:
        """ "" where the speaker says himself what it is."""
        if any(c.strong and c.kind == mark.kind and c.end <= mark.first for c in seen.turn.cues):
            return ""
        scores = self._kind_odds(seen, mark.first, mark.last)
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        own = [mark.kind in kinding.GROUPS[group] for group in self._groups]
        best = int(shares.argmax())
        if own[best] or shares[best] - shares[own].sum() < _LIKELIER:
            return ""
        return kinding.kind_of_group(self._groups[best], mark.value, seen.turn, seen.before)

    def _kind_odds(self, seen: Seen, first: int, last: int) -> NDArray[np.float32]:
        """(kinds,), in the order of `kinding.GROUPS`."""
        told: Sequence[Told] = seen.before.told
        rows = kinding.kind_features(seen.turn, first, last, seen.before, told)
        scores: NDArray[np.float32] = self._weights.kinds[rows].sum(0)
        return scores


def _is_greeting(turn: Turn, mark: Mark, before: Context) -> bool:
    """ "This is james baker at blue river books": no e-mail, where nobody has asked for one and
    nothing is said that only addresses have."""
    if mark.kind != "email" or before.expects("email") or before.kind == "email":
        return False
    said = [token.norm for token in turn.tokens[mark.first : mark.last + 1]]
    signed = any(word in _MAILED or "." in word or "@" in word for word in said)
    return "at" in said and not signed and not any(cue.kind == "email" for cue in turn.cues)


def _touches(mark: Mark, places: Collection[int]) -> bool:
    """Whether some of the tokens are its."""
    return any(mark.first <= at <= mark.last for at in places)


def _stretches(turn: Turn, inside: Sequence[bool], taken: set[int]) -> list[tuple[int, int]]:
    """First and last tokens of what is in, not taken and no quantity; no hesitation at its ends."""
    counted = {
        at
        for run in turn.runs
        if guard_of(turn.tokens, run) in _QUANTITIES
        for at in range(run.first, run.last + 1)
    }
    free = [
        it and at not in taken and at not in counted and turn.tokens[at].sort not in _NEVER
        for at, it in enumerate(inside)
    ]
    found, at = [], 0
    while at < len(free):
        end = at
        while end < len(free) and free[end]:
            end += 1
        first, last = at, end - 1
        while first <= last and turn.tokens[first].sort is Sort.FILLER:
            first += 1
        while first <= last and turn.tokens[last].sort is Sort.FILLER:
            last -= 1
        if first <= last:
            found.append((first, last))
        at = end + 1
    return found


@cache
def weights_digest() -> str:
    """What tells the weights that came with the package from others; "none" without them."""
    try:
        return sha256(WEIGHTS.read_bytes()).hexdigest()[:16]
    except OSError:
        return "none"


@cache
def shipped() -> Tagger | None:
    """The tagger with the weights that came with the package; None without them: rules alone."""
    try:
        return Tagger(Weights.load(WEIGHTS))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        told = {"error": type(error).__name__, "hint": "The rules stand alone; install it anew."}
        log.warning("redaction_tagger_unreadable", **told)
        return None
