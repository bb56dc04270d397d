"""Redaction of a call's segments: from words to marks to segments without personal data."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import EllipsisType

from twicetold.enrich.redaction.addresses import addresses_in
from twicetold.enrich.redaction.answers import answers_in
from twicetold.enrich.redaction.cards import as_announced, cards_in, security_code, with_pieces
from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.dates import dates_in
from twicetold.enrich.redaction.datespans import spans_of
from twicetold.enrich.redaction.deciding import Runs
from twicetold.enrich.redaction.emails import emails_in, handles_in
from twicetold.enrich.redaction.fallback import answer_to
from twicetold.enrich.redaction.kinds import LANGUAGES
from twicetold.enrich.redaction.passwords import secrets_in
from twicetold.enrich.redaction.policy import Policy
from twicetold.enrich.redaction.readbacks import repeated
from twicetold.enrich.redaction.rewriting import Removed, rewritten
from twicetold.enrich.redaction.stretching import stretched, with_names
from twicetold.enrich.redaction.tagger.tagger import Tagger, shipped
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn, text_between, turn_of, words_of
from twicetold.errors import SettingError
from twicetold.speech.language import primary_language
from twicetold.speech.transcript import Segment

Finder = Callable[[Turn, Sequence[str]], list[Mark]]


@dataclass(frozen=True, slots=True)
class Redacted:
    """The segments as they may be shown, what was removed from them, and what the call had asked
    for when they ended."""

    segments: list[Segment]
    removed: list[Removed]
    context: Context = field(default_factory=Context)


class Redactor:
    """Takes personal data out of segments. Pure: one may serve all threads.

    ``finders`` add to what is found here: `presidio.written_in`, `people.Names`. ``tagger`` is the
    trained one that comes with the package, unless another is given; with None, rules alone.
    Raises SettingError for a language without recognisers (``LANGUAGES`` has them).
    """

    def __init__(
        self,
        language: str = "en",
        policy: Policy | None = None,
        finders: Sequence[Finder] = (),
        tagger: Tagger | EllipsisType | None = ...,
    ) -> None:
        if primary_language(language) not in LANGUAGES:
            known = ", ".join(sorted(LANGUAGES))
            raise SettingError(
                f"There is no redaction for the language {language!r}.", f"It knows: {known}."
            )
        self.policy = policy or Policy()
        self._finders = tuple(finders)
        self._tagger = tagger

    def redact(self, segments: Sequence[Segment], context: Context | None = None) -> Redacted:
        """The segments of a call, or those that follow on ``context``, in the order of time."""
        known = context.copy() if context is not None else Context()
        turns = turns_of(segments, known)
        marks = marks_of(turns, known, self._finders, self._tagger)
        wanted = [kept for mark in marks if (kept := self.policy.wanted(mark)) is not None]
        new, removed = rewritten(segments, turns, wanted, self.policy)
        return Redacted(new, removed, known)


def turns_of(segments: Sequence[Segment], context: Context) -> list[Turn]:
    """The turns of a call; ``context`` gets to know who speaks in it."""
    for segment in segments:
        context.meet(_name_of(segment))
    return [_turn(index, segment, context) for index, segment in enumerate(segments)]


def _turn(index: int, segment: Segment, context: Context) -> Turn:
    words = [word.text for word in segment.words] or segment.text.split()
    return turn_of(index, party_of(segment, context), words)


def party_of(segment: Segment, context: Context) -> str:
    """Whose turn it is; "" in a call where only one side is known."""
    return _name_of(segment) if len(context.parties) > 1 else ""


def _name_of(segment: Segment) -> str:
    return f"{segment.channel}/{segment.speaker or ''}"


def marks_of(
    turns: Sequence[Turn],
    context: Context,
    finders: Sequence[Finder] = (),
    tagger: Tagger | EllipsisType | None = ...,
) -> list[Mark]:
    """All that is personal in a call's turns; moves ``context`` on to their end. ``tagger``: the
    one that comes with the package, unless another is given, or None."""
    runs, marks = Runs(context), []
    tagger = shipped() if isinstance(tagger, EllipsisType) else tagger
    for turn in turns:
        marks += read(turn, context, runs, finders, tagger)
    again = repeated(turns, marks)
    return marks + [wider for mark in again for wider in stretched(turns[mark.turn], [mark])]


def read(
    turn: Turn,
    context: Context,
    runs: Runs,
    finders: Sequence[Finder] = (),
    tagger: Tagger | None = None,
) -> list[Mark]:
    """What is personal in a turn, as far as those before it tell, and in them by this one; moves
    ``context`` on. ``runs`` are those of its call."""
    seen = tagger.see(turn, context) if tagger else None
    given = [mark for finder in finders for mark in finder(turn, words_of(turn))]
    found = rule_marks(turn, context, runs, given)
    if tagger is None or seen is None:
        marks = with_names(turn, found)
    else:
        sure = {at for mark in given for at in range(mark.first, mark.last + 1)}
        marks = tagger.decided(seen, found, context, sure)
    return [security_code(mark) for mark in marks]


def rule_marks(turn: Turn, context: Context, runs: Runs, given: Sequence[Mark] = ()) -> list[Mark]:
    """What the rules find in a turn, and what other finders have ``given``; ``runs`` are those of
    its call."""
    found: list[Mark] = []
    taken: set[int] = set()
    for marks in (
        emails_in(turn, context),
        _written(turn, context),
        dates_in(turn, context, spans_of(turn)),
        addresses_in(turn, context),
        secrets_in(turn),
        answers_in(turn, context),
        handles_in(turn),
        given,
    ):
        for mark in marks:
            places = set(range(mark.first, mark.last + 1))
            if not places & taken:
                found.append(mark)
                taken |= places
    marks = runs.turn(turn, found)
    if not marks:
        marks = answer_to(turn, context)
        for mark in marks:
            context.found(mark.kind, len(mark.value), turn.party)
    marks = [as_announced(turn, mark) for mark in with_pieces(turn, marks)]
    return stretched(turn, marks)


def _written(turn: Turn, context: Context) -> list[Mark]:
    """What its written form gives away: IP addresses, in words too; a bank's code."""
    marks = [
        Mark(turn.index, at, at, "ip_address", token.norm)
        for at, token in enumerate(turn.tokens)
        if token.sort is Sort.IP
    ]
    bank = context.expects("bank_account") or any(c.kind == "bank_account" for c in turn.cues)
    for at, token in enumerate(turn.tokens):
        if bank and re.fullmatch(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?[.,?]?", token.raw):
            marks.append(Mark(turn.index, at, at, "bank_account", token.norm.upper()))
    marks += _dotted(turn)
    marks += cards_in(turn)
    for run in turn.runs:
        first = run.first
        if first > 1 and re.fullmatch(r"\d+(\.\d+)+", turn.tokens[first - 2].norm):
            first -= 2  # 198.51.100 dot five
        said = turn.tokens[first : run.last + 1]
        dots = sum((t.norm in ("dot", "point")) + t.norm.count(".") for t in said)
        if dots == 3 and run.digits <= 12 and not run.letters:
            marks.append(Mark(turn.index, first, run.last, "ip_address", run.value))
    return marks


def _dotted(turn: Turn) -> list[Mark]:
    """Four numbers as they are counted, three dots between: "a hundred and ninety point …"."""
    marks, first, dots = [], 0, 0
    for at in range(len(turn.tokens) + 1):
        token = turn.tokens[at] if at < len(turn.tokens) else None
        if token is not None and (token.sort in _COUNTED or token.norm in _IN_COUNTED):
            dots += token.norm in ("dot", "point")
            continue
        if dots == 3 and at - first >= 7:
            text = text_between(turn.tokens, first, at - 1)
            marks.append(Mark(turn.index, first, at - 1, "ip_address", text))
        first, dots = at + 1, 0
    return marks


_COUNTED = (Sort.NUMBER, Sort.SCALE, Sort.DIGITS, Sort.REPEAT)
_IN_COUNTED = ("dot", "point", "a", "and")
