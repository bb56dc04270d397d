"""Which runs are personal data: by what was asked, by what stands beside them, by their form."""

from __future__ import annotations

from collections.abc import Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.cues import Cue
from twicetold.enrich.redaction.guards import is_counting
from twicetold.enrich.redaction.rules import Decider
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.shapes import kind_by_shape
from twicetold.enrich.redaction.tokens import Sort
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only
from twicetold.enrich.redaction.vocabulary import STOP

_CODES = frozenset({"reference", "member_number", "document_number"})
_LONG = 7  # digits in a row that nobody dictates but of something


class Runs:
    """Decides over the runs of a call, turn by turn."""

    def __init__(self, context: Context, loose: Sequence[tuple[int, Run]] = ()) -> None:
        self._context = context
        self._loose = list(loose)  # undecided pieces that may add up

    def copy(self, context: Context) -> Runs:
        """The same, going on by itself with another context."""
        return Runs(context, self._loose)

    def turn(self, turn: Turn, given: Sequence[Mark]) -> list[Mark]:
        """The marks of one turn, with those ``given`` that other finders made."""
        context = self._context
        marks: list[Mark] = []
        context.begin_turn(turn.is_backchannel)
        taken = {at for mark in given for at in range(mark.first, mark.last + 1)}
        events: list[tuple[int, Cue | Run | Mark]] = [(cue.first, cue) for cue in turn.cues]
        events += [(mark.first, mark) for mark in given]
        events += [(run.first, run) for run in turn.runs if run.first not in taken]
        last: Mark | None = None
        decider = Decider(turn, context)
        if not turn.is_backchannel and not turn.is_answer:
            self._loose.clear()
        for _, event in sorted(events, key=lambda pair: pair[0]):
            if isinstance(event, Cue):
                if event.first not in taken:
                    decider.hear(event)
                continue
            if isinstance(event, Mark):
                last = event
                marks.append(event)
                context.found(event.kind, len(event.value), turn.party)
                continue
            kind = decider.kind_of(event, last)
            if kind:
                first = _code_start(turn, event) if kind in _CODES else event.first
                last = Mark(turn.index, first, event.last, kind, event.value)
                marks.append(last)
                context.found(kind, event.size, turn.party)
            else:
                marks += self._added_up(turn, event, decider.guard)
        context.turn_over(turn, asks_otherwise=turn.asks_otherwise and not marks)
        if not turn.is_backchannel:
            context.open = bool(marks) and glue_only(
                turn.tokens, marks[-1].last + 1, len(turn.tokens)
            )
        return marks

    def _added_up(self, turn: Turn, run: Run, guard: str) -> list[Mark]:
        """Pieces of a number that nobody announced: seven digits and more are removed."""
        if (
            guard
            or is_counting(run.value)
            or not (run.spelled_out or run.written or not run.cardinal)
            or run.letters
        ):
            return []
        self._loose.append((turn.index, run))
        value = "".join(piece.value for _, piece in self._loose)
        dictated = sum(
            p.size for _, p in self._loose if p.spelled_out or (p.written and p.size > 4)
        )
        if len(value) >= 13:
            dictated = len(value)  # nothing else has so many
        if len(value) < _LONG or 2 * dictated < len(value):
            return []
        kind = kind_by_shape(value) or "number"
        marks = [Mark(at, r.first, r.last, kind, r.value) for at, r in self._loose]
        self._loose.clear()
        self._context.found(kind, len(value), turn.party)
        return marks


def _code_start(turn: Turn, run: Run) -> int:
    """ "Home dash five five one": a word joined by a sign is part of the code."""
    first = run.first
    while first > 1 and turn.tokens[first - 1].norm in ("dash", "hyphen", "slash"):
        word = turn.tokens[first - 2]
        if word.sort is not Sort.WORD or word.norm in STOP:
            break
        first -= 2
    return first
