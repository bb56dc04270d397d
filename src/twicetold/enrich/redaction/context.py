"""What the last turns asked for: how a call says what its numbers are."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twicetold.enrich.redaction.cues import ANY, SPELLING, TAIL
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tagger.told import Told
from twicetold.enrich.redaction.turns import Turn
from twicetold.enrich.redaction.vocabulary import words

STRONG_TURNS, WEAK_TURNS = 7, 3
_NOBODYS = words(
    "error model version flight message channel display reading meter size room gate score "
    "part light lights temperature speed seat line serial price cost total build firmware "
    "number's page chapter how much many long often far level pressure weight"
)
_LASTING = words("lapses lapse lapsed lasts valid expire expires expiry expiration thru")
_REJECTING = words(
    "not no isn't wasn't doesn't didn't wrong incorrect different invalid nope another else expired"
)
_MOST_ASKED = 6
_DIVERTED = 5  # turns by which another question sets a datum back

# (fewest, most) digits and letters that complete a kind; what is read after that is read back.
ENOUGH: Mapping[str, int] = {
    "phone": 10,
    "card_number": 15,
    "cvv": 3,
    "card_expiry": 4,
    "national_id": 9,
    "postcode": 5,
    "bank_account": 8,
    "reference": 6,
    "member_number": 7,
    "document_number": 7,
    "pin": 4,
    "one_time_code": 4,
    "licence_plate": 5,
    TAIL: 4,
    ANY: 7,
}
_MOST_SIZE: Mapping[str, int] = {
    "cvv": 4,
    "card_expiry": 6,
    "pin": 8,
    "one_time_code": 10,
    "postcode": 10,
    "licence_plate": 17,
    "phone": 15,
    "date_of_birth": 8,
}
_DIGITS_ONLY = frozenset({"phone", "card_number", "cvv", "card_expiry", "date_of_birth"})
WORDED = frozenset(
    {"email", "address", "password", "security_answer", "username", "name", SPELLING}
)


@dataclass(slots=True)
class Asked:
    """A kind that was asked for or announced ``age`` turns ago; ``found`` so many digits and
    letters of it since."""

    kind: str
    strong: bool
    party: str
    age: int = 0
    found: int = 0
    fresh: int = 0  # turns since the cue itself
    stale: bool = False  # something else was asked since
    request: bool = False  # in a turn that wants to know something
    mine: bool = False  # announced by who is going to say it: "my address is"

    @property
    def done(self) -> bool:
        return self.found >= ENOUGH.get(self.kind, 1_000)

    def may_answer(self, party: str) -> bool:
        """Whether a side can be the one that was asked; nobody answers their own question."""
        return not party or (party == self.party if self.mine else party != self.party)

    def fits(self, run: Run) -> bool:
        """Whether a run can be of this kind, by its size and what it is made of."""
        if run.letters and self.kind in _DIGITS_ONLY:
            return False
        if self.kind == TAIL:
            return run.size >= 2
        if self.kind == SPELLING:
            return run.letters >= 2 and run.letters > run.digits
        if self.kind == "ip_address" and run.letters:
            return not set(run.value) - set("ABCDEF0123456789O")
        return run.size <= _MOST_SIZE.get(self.kind, 40)


@dataclass(slots=True)
class Context:
    """Newest first. ``kind`` is that of the last run that was found, ``quiet`` turns ago, said by
    ``party``; ``open`` while nothing but agreement was said since."""

    asked: list[Asked] = field(default_factory=list)
    kind: str = ""
    party: str = ""
    quiet: int = 99
    open: bool = False
    requested: bool = False  # the last turn wanted something, and no amount
    lasting: bool = False  # the last turn asked how long something holds
    card: int = 99  # turns since a card's number
    rejected: bool = False  # the last turn said that an answer was not right
    parties: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)  # by the last turns, newest first

    def meet(self, party: str) -> None:
        """Somebody speaks in this call."""
        if party not in self.parties:
            self.parties.append(party)

    def begin_turn(self, backchannel: bool) -> None:
        if backchannel:
            return
        for asked in self.asked:
            asked.age += 1
            asked.fresh += 1
        self.asked = [a for a in self.asked if a.age <= (STRONG_TURNS if a.strong else WEAK_TURNS)]
        self.quiet += 1
        self.card += 1

    def ask(
        self, kind: str, strong: bool, party: str, request: bool = False, mine: bool = False
    ) -> None:
        """A cue was heard. The same kind again starts anew."""
        self.asked = [a for a in self.asked if a.kind != kind or (a.strong and not strong)]
        if strong or not any(a.kind == kind for a in self.asked):
            self.asked.insert(0, Asked(kind, strong, party, request=request, mine=mine))
        del self.asked[_MOST_ASKED:]

    def turn_over(self, turn: Turn, *, asks_otherwise: bool) -> None:
        """A turn was read; what it asked is what the next one answers."""
        if turn.is_backchannel:
            return
        otherwise = asks_otherwise or any(t.norm in _NOBODYS for t in turn.tokens)
        self.lasting = any(t.norm in _LASTING for t in turn.tokens)
        self.requested = turn.requests and not otherwise
        self.rejected = any(t.norm in _REJECTING for t in turn.tokens) and len(turn.tokens) <= 12
        secret = self.asked and self.asked[0].kind == "security_answer"
        if secret and self.asked[0].fresh <= 1 and not turn.counts:
            return  # one security question is asked after another
        if self.kind == "date_of_birth" and _asks_for_year(turn):
            self.requested = True
            return  # the rest of it is asked for
        if asks_otherwise:
            self.quiet = max(self.quiet, _DIVERTED)
            for asked in self.asked:
                asked.stale = True

    def found(self, kind: str, size: int, party: str) -> None:
        self.kind, self.party, self.quiet, self.open = kind, party, 0, True
        if kind == "card_number":
            self.card = 0
        for asked in self.asked:
            if asked.kind in (kind, ANY, TAIL):
                asked.found += size
                asked.age = min(asked.age, 2)

    def expects(self, *kinds: str) -> Asked | None:
        """The newest strong demand for one of the kinds, if the last turn asked nothing else."""
        if self.asked and not self.asked[0].kind and not self.asked[0].fresh:
            return None
        fresh = (a for a in self.asked if a.strong and not a.stale)
        return next((a for a in fresh if a.kind in kinds), None)

    def resolved(self, kind: str) -> str:
        """Which kind "the number" or "ending in" is about; "" where nothing says so."""
        if kind not in (ANY, TAIL):
            return "name" if kind == SPELLING else kind
        for asked in self.asked:
            if asked.kind not in (ANY, TAIL) and asked.kind not in WORDED:
                return asked.kind
        if self.kind and self.quiet < 6 and self.kind not in WORDED:
            return self.kind
        return ""

    # --- kept between turns that are redacted apart ----------------------------------------

    def to_dict(self) -> dict[str, Any]:
        asked = [
            [a.kind, a.strong, a.party, a.age, a.found, a.fresh, a.stale, a.request, a.mine]
            for a in self.asked
        ]
        last = [self.kind, self.party, self.quiet, self.open]
        return {
            "asked": asked,
            "last": [*last, self.requested, self.lasting, self.card, self.rejected],
            "parties": self.parties,
            "told": [[t.party, t.question, list(t.words), t.marked] for t in self.told],
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Context:
        asked = [Asked(*each) for each in body["asked"]]
        kind, party, quiet, is_open, requested, lasting, card, rejected = body["last"]
        told = [Told(p, q, tuple(words), m) for p, q, words, m in body.get("told", ())]
        return cls(
            asked,
            kind,
            party,
            quiet,
            is_open,
            requested,
            lasting,
            card,
            rejected,
            list(body["parties"]),
            told,
        )

    def to_text(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Context:
        """Raises ValueError for what is none, perhaps that of another version."""
        try:
            return cls.from_dict(json.loads(text))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is no context of redaction") from error

    def copy(self) -> Context:
        return Context.from_dict(self.to_dict())


def _asks_for_year(turn: Turn) -> bool:
    pairs = itertools.pairwise(token.norm for token in turn.tokens)
    return any(a in ("what", "which", "the") and b == "year" for a, b in pairs)


def newest(asked: Iterable[Asked], run: Run) -> Iterable[Asked]:
    """Those that a run can be an answer to."""
    return (a for a in asked if a.fits(run))
