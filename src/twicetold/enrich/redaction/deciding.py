"""Which runs are personal data: by what was asked, by what stands beside them, by their form."""

from __future__ import annotations

from collections.abc import Sequence

from twicetold.enrich.redaction.context import WORDED, Asked, Context, newest
from twicetold.enrich.redaction.cues import ANY, NOTHING, SPELLING, TAIL, Cue
from twicetold.enrich.redaction.guards import guard_of, is_counting, is_noun, is_year
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.shapes import kind_by_shape
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only
from twicetold.enrich.redaction.vocabulary import ACRONYMS, CORRECTIONS, FILLERS, STOP, words

_COPULAS = words(
    "is was be are it's its that's thats as number it number's equals were code's pin's"
)
_ALWAYS = frozenset(
    {"unit", "decimal", "dialled", "model", "price"}
)  # guards that no question overrules
_OWN = words("my our his her i we it's")
_ON = words("then it's its that's thats is the i mean my")
_RECENT = 4  # turns after a datum in which it is repeated and mended
_REPEATING = words(
    "confirm repeat said say check verify correct right have got readback heard read"
)
_DATED = frozenset({"date_of_birth", "card_expiry"})  # have a finder of their own
_LONG = 7  # digits in a row that nobody dictates but of something


class Runs:
    """Decides over the runs of a call, turn by turn."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loose: list[tuple[int, Run]] = []  # undecided pieces that may add up

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
        decider = _Decider(turn, context)
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
                last = Mark(turn.index, event.first, event.last, kind, event.value)
                marks.append(last)
                context.found(kind, event.size, turn.party)
            else:
                marks += self._added_up(turn, event, decider.guard)
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
        if len(value) < _LONG or sum(p.spelled_out or p.size > 4 for _, p in self._loose) < 1:
            return []
        kind = kind_by_shape(value) or "number"
        marks = [Mark(at, r.first, r.last, kind, r.value) for at, r in self._loose]
        self._loose.clear()
        self._context.found(kind, len(value), turn.party)
        return marks


class _Decider:
    """One turn's rules, in the order in which they hold."""

    def __init__(self, turn: Turn, context: Context) -> None:
        self._turn, self._context = turn, context
        self._tokens: Sequence[Token] = turn.tokens
        self._cue: Cue | None = None
        self.guard = ""

    def hear(self, cue: Cue) -> None:
        self._cue = cue
        last = self._tokens[cue.end - 1].norm
        if cue.kind != NOTHING or last in ("code", "codes", "number"):
            mine = bool(
                _OWN & {t.norm for t in self._tokens[max(0, cue.first - 2) : cue.first + 1]}
            )
            self._context.ask(cue.kind, cue.strong, self._turn.party, mine)

    def kind_of(self, run: Run, last: Mark | None) -> str:
        """The kind of a run, or "" where it may stay."""
        self.guard = guard_of(self._tokens, run)
        if self._is_named_otherwise(run):
            self.guard = self.guard or "named"
            return ""
        if self.guard in _ALWAYS:
            return ""
        kind = (
            self._announced(run)
            or self._named_after(run)
            or self._continued(run, last)
            or self._corrected(run)
            or self._asked_for(run)
            or self._by_form(run)
        )
        return "" if kind in _DATED else kind

    def _is_named_otherwise(self, run: Run) -> bool:
        cue = self._cue
        if cue is None or cue.kind != NOTHING or cue.end > run.first:
            return False
        return run.first - cue.end <= 3 and glue_only(self._tokens, cue.end, run.first)

    def _announced(self, run: Run) -> str:
        """``my pin is four four two one``."""
        cue = self._cue
        if cue is None or cue.kind == NOTHING or cue.end > run.first:
            return ""
        gap = self._tokens[cue.end : run.first]
        if any(token.ends for token in gap[:-1]) and len(gap) > 4:
            return ""
        before = self._last_said(run.first)
        direct = run.first - cue.end <= 1 or before in _COPULAS
        if not direct and (
            self.guard or len(gap) > 6 or not glue_only(self._tokens, cue.end, run.first)
        ):
            return ""
        if self.guard and not cue.strong:
            return ""
        if len(gap) > 12 or (
            self.guard in ("count", "time", "range", "counted")
            and len(gap) > 0
            and before not in _COPULAS
        ):
            return ""
        asked = Asked(cue.kind, cue.strong, "")
        if not asked.fits(run) or not self._is_enough(cue, run):
            return ""
        return self._resolved(cue.kind, run)

    def _is_enough(self, cue: Cue, run: Run) -> bool:
        if run.letters and run.size < 4 and run.first > cue.end:
            return self._last_said(run.first) in _COPULAS
        if run.size < 3 and run.first - cue.end > 1 and not self._turn.is_answer:
            return run.spelled_out
        if run.size < 2:
            return self._turn.is_answer and cue.kind not in (ANY, SPELLING)
        if not cue.strong:
            return run.size >= 6 or (run.spelled_out and run.size >= 4)
        if cue.kind == ANY:
            return run.size >= 4
        return cue.kind not in WORDED or run.size >= 3 or self._turn.is_answer

    def _named_after(self, run: Run) -> str:
        """``four four two one is my pin``."""
        for cue in self._turn.cues:
            gap = cue.first - run.last - 1
            if not 0 <= gap <= 4 or not cue.strong or cue.kind in (NOTHING, SPELLING, TAIL):
                continue
            between = [token.norm for token in self._tokens[run.last + 1 : cue.first]]
            said = {"is", "as", "was", "for"} & set(between)
            if said and all(word in STOP or word in FILLERS for word in between):
                fits = Asked(cue.kind, True, "").fits(run) and run.size >= 3
                return self._resolved(cue.kind, run) if fits and cue.kind not in WORDED else ""
        return ""

    def _continued(self, run: Run, last: Mark | None) -> str:
        """The rest of what was begun in this turn, or in the turns before."""
        if self.guard or (is_noun(self._tokens, run.last + 1) and run.cardinal):
            return ""
        context = self._context
        if last is not None:
            gap = run.first - last.last - 1
            between = self._tokens[last.last + 1 : run.first]
            near = gap <= 4 and all(
                token.sort in (Sort.FILLER, Sort.SYMBOL) or token.norm in _ON for token in between
            )
            full = self._is_done(last.kind) and gap and not self._turn.corrects
            return last.kind if near and not full and self._kin(last.kind, run) else ""
        leading = glue_only(self._tokens, 0, run.first)
        if context.open and leading and context.quiet <= 2 and self._kin(context.kind, run):
            if run.cardinal and run.size < 3 and not self._turn.is_answer:
                return ""
            return context.kind
        return ""

    def _is_done(self, kind: str) -> bool:
        return any(asked.kind == kind and asked.done for asked in self._context.asked)

    def _kin(self, kind: str, run: Run) -> bool:
        """Whether a run can go on with a kind."""
        if kind in _DATED:
            return False
        if kind == "name":
            return run.letters > 0
        return Asked(kind, True, "").fits(run)

    def _corrected(self, run: Run) -> str:
        """``no sorry, five seven``; ``so that's five seven, right``."""
        context = self._context
        if self.guard or context.quiet > _RECENT or not context.kind:
            return ""
        if not self._kin(context.kind, run):
            return ""
        if is_year(run) and not self._turn.is_answer:
            return ""
        before = {token.norm for token in self._tokens[: run.first]}
        if before & CORRECTIONS and not is_noun(self._tokens, run.last + 1):
            return context.kind
        words = {token.norm for token in self._tokens}
        repeats = words & _REPEATING and run.size >= 2
        return (
            context.kind
            if repeats and (run.spelled_out or not run.cardinal or run.size > 2)
            else ""
        )

    def _asked_for(self, run: Run) -> str:
        if self.guard:
            return ""
        for asked in newest(self._context.asked, run):
            if asked.kind == NOTHING:
                if asked.fresh <= 1:
                    return ""
                continue
            if asked.kind not in _DATED and self._answers(asked, run):
                return self._resolved(asked.kind, run)
        return ""

    def _answers(self, asked: Asked, run: Run) -> bool:
        answer = self._turn.is_answer
        if asked.kind == "address":
            return answer and run.size <= 6
        if asked.kind in WORDED:
            return run.size >= 3 or answer
        if not asked.strong:
            return (run.size >= 5 or (run.spelled_out and run.size >= 4)) and not asked.done
        if asked.done:
            return answer and (run.spelled_out or not run.cardinal or run.size >= 3)
        if asked.kind == ANY:
            return run.size >= 4 or (answer and run.spelled_out)
        if (run.cardinal and not run.written) or is_year(run):
            return answer
        return answer or run.size >= 3 or run.spelled_out

    def _by_form(self, run: Run) -> str:
        if (self.guard and run.size < _LONG) or is_counting(run.value):
            return ""
        if run.digits == 0:
            return "name" if run.letters >= 3 and not self._is_acronyms(run) else ""
        kind = kind_by_shape(run.value)
        if kind and (run.size >= 9 or run.letters >= 3):
            return kind
        if run.letters >= 2 and run.digits >= 3 and run.size >= 6:
            return "reference"
        return "number" if run.digits >= _LONG and not run.cardinal else ""

    def _is_acronyms(self, run: Run) -> bool:
        spelled = any(t.sort is Sort.PART for t in self._tokens[run.first : run.last + 1])
        return not spelled and run.value.lower() in ACRONYMS

    def _resolved(self, kind: str, run: Run) -> str:
        by_form = kind_by_shape(run.value)
        if kind == ANY:
            return self._context.resolved(kind) or by_form or "number"
        if kind == TAIL:
            return self._context.resolved(kind) or "card_number"
        return self._context.resolved(kind)

    def _last_said(self, at: int) -> str:
        while at > 0 and self._tokens[at - 1].sort in (Sort.FILLER, Sort.SYMBOL):
            if self._tokens[at - 1].norm in _COPULAS:
                break
            at -= 1
        norm = self._tokens[at - 1].norm if at else ""
        return "is" if norm.endswith("'s") else norm
