"""The rules by which one run is personal data or not, in the order in which they hold."""

from __future__ import annotations

from collections.abc import Sequence

from twicetold.enrich.redaction.context import WORDED, Asked, Context, newest
from twicetold.enrich.redaction.cues import ANY, NOTHING, SPELLING, TAIL, Cue
from twicetold.enrich.redaction.forms import COPULAS, Forms
from twicetold.enrich.redaction.guards import guard_of, is_counting, is_noun, is_year
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.shapes import kind_by_shape
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, glue_only, is_glue
from twicetold.enrich.redaction.vocabulary import CORRECTIONS, FILLERS, STOP, words

# Guards that no question overrules.
_ALWAYS = frozenset({"unit", "decimal", "dialled", "model", "price"})
_NARRATING = words("i my we our i'm i've he she they")
_BROKEN = words("wrong forgot forgotten reset change changed invalid incorrect lost")
_OWN = words("my our his her i we it's")
_ON = words("then it's its that's thats is the i mean my")
_NAMING = words("is as was for that's thats it's its")
_STRESS = words("really definitely honestly still")
_AGAIN = frozenset({"one_time_code", "pin"})  # another one is sent, or chosen
_RECENT = 4  # turns after a datum in which it is repeated and mended
_REPEATING = words("confirm repeat said say check verify correct right readback heard read")
_DATED = frozenset({"date_of_birth", "card_expiry"})  # have a finder of their own
_EMERGENCY = words("911 999 112 101 111 000 311 811")


class Decider(Forms):
    """One turn's rules, in the order in which they hold."""

    def __init__(self, turn: Turn, context: Context) -> None:
        super().__init__(turn, context)
        self._cue: Cue | None = None

    def hear(self, cue: Cue) -> None:
        weaker = self._cue is not None and self._cue.strong and self._cue.kind and not cue.strong
        if not (weaker and cue.first - self._cue.end <= 4):  # type: ignore[union-attr]
            self._cue = cue
        last = self._tokens[cue.end - 1].norm
        if cue.kind != NOTHING or cue.first == cue.end or last in ("code", "codes", "number"):
            ends = glue_only(self._tokens, cue.end, len(self._tokens))
            before = {t.norm for t in self._tokens[max(0, cue.first - 2) : cue.first + 1]}
            mine = bool(_OWN & before) and ends
            told = {t.norm for t in self._tokens[: cue.end]} & _NARRATING
            request = not before & _BROKEN and (self._turn.requests or ends or not told)
            alone = ends and len(self._tokens) <= 3  # "city", "and the town"
            self._context.ask(cue.kind, cue.strong or alone, self._turn.party, request, mine)

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
            or self.by_form(run)
        )
        if kind == "number" and is_counting(run.value):
            return ""
        if kind == "phone" and run.value in _EMERGENCY:
            return ""
        if kind in _DATED or not kind:
            if self.is_rest_of_card(run):
                return "card_number"
            return "cvv" if self.is_beside_card(run) else ""
        return kind

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
        before = self.last_said(run.first)
        direct = run.first - cue.end <= 1 or before in COPULAS
        if not direct and (
            self.guard or len(gap) > 6 or not glue_only(self._tokens, cue.end, run.first)
        ):
            return ""
        if self.guard and not cue.strong:
            return ""
        if len(gap) > 12 or (
            self.guard in ("count", "time", "range", "counted")
            and len(gap) > 0
            and before not in COPULAS
        ):
            return ""
        asked = Asked(cue.kind, cue.strong, "")
        if not asked.fits(run) or not self._is_enough(cue, run):
            return ""
        return self._resolved(cue.kind, run)

    def _is_enough(self, cue: Cue, run: Run) -> bool:
        if run.letters and run.size < 4 and run.first > cue.end:
            return self.last_said(run.first) in COPULAS
        if run.size < 3 and run.first - cue.end > 1 and not self._turn.is_answer:
            return run.spelled_out
        if run.size < 2:
            return self._turn.is_answer and cue.kind not in (ANY, SPELLING)
        if not cue.strong:
            coded = run.letters and run.digits >= 3 and run.size >= 5
            return run.size >= 6 or coded or (run.spelled_out and run.size >= 4)
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
            said = _NAMING & set(between)
            if said and all(w in STOP or w in FILLERS or w in _STRESS for w in between):
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
            if run.is_pair and between and between[-1].norm not in _ON:
                return ""
            near = gap <= 4 and all(
                token.sort in (Sort.FILLER, Sort.SYMBOL) or token.norm in _ON for token in between
            )
            full = self._is_done(last.kind) and gap and not self._turn.corrects
            if self._is_sequel(run, last, gap):
                return "cvv"
            if self._is_another_try(run, last, between):
                return last.kind
            return last.kind if near and not full and self._kin(last.kind, run) else ""
        leading = glue_only(self._tokens, 0, run.first)
        behind = context.kind == "card_expiry" and context.quiet <= 2 and self._turn.is_answer
        if behind and run.size in (3, 4) and run.spelled_out and not run.letters:
            return "cvv"
        if run.is_pair and not self._turn.is_answer:
            return ""
        if context.open and leading and context.quiet <= 2 and self._kin(context.kind, run):
            if run.cardinal and run.size < 3 and not self._turn.is_answer:
                return ""
            return context.kind
        return ""

    def _is_sequel(self, run: Run, last: Mark, gap: int) -> bool:
        """Three or four digits right behind the card's date."""
        card = any(r.digits >= 12 and r.last < run.first for r in self._turn.runs)
        near = last.kind == "card_expiry" and gap <= (6 if card else 2)
        return near and run.size in (3, 4) and not run.letters

    def _is_another_try(self, run: Run, last: Mark, between: Sequence[Token]) -> bool:
        """``three one eight or three one three``, ``change it to six nine oh four``."""
        alike = abs(run.size - sum(c.isalnum() for c in last.value)) <= 1 and run.size >= 3
        before = between[-1].norm if between else ""
        return alike and before in ("or", "be", "not", "to", "no") and len(between) <= 9

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
        leading = all(
            is_glue(t) or t.norm in STOP or t.norm in _REPEATING for t in self._tokens[: run.first]
        )
        repeats = words & _REPEATING and run.size >= 3 and leading and not run.is_pair
        return context.kind if repeats and (run.spelled_out or run.size > 3) else ""

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
        if run.cardinal and run.size <= 2 and asked.fresh > 1 and not self._context.open:
            return False
        wanted = asked.strong and (asked.request or asked.mine) and not asked.stale
        if asked.kind == "address":
            return answer and wanted and run.size <= 6 and not run.is_pair
        led = asked.fresh == 0 and self.last_said(run.first) in COPULAS
        if run.is_pair and not (answer or led):
            return False
        if asked.kind in WORDED:
            return run.size >= 3 or (answer and not run.cardinal)
        if not asked.strong:
            whole = answer and run.size >= 4 and not (run.cardinal and not run.written)
            long = run.size >= 5 or (run.spelled_out and run.size >= 4)
            return (whole or long) and not (asked.done or asked.stale or is_year(run))
        if asked.done:
            again = asked.kind in _AGAIN and run.size >= 4 and (not run.cardinal or run.written)
            return (answer and run.spelled_out and not asked.stale) or again
        if asked.stale:
            return run.spelled_out or (run.size >= 6 and not run.cardinal)
        if not (answer or run.spelled_out) and self._follows_word(run):
            return False
        if asked.kind == ANY:
            return run.size >= 4 or (answer and run.spelled_out)
        if (run.cardinal and not run.written) or is_year(run):
            return answer
        return answer or run.size >= 3 or run.spelled_out

    def _follows_word(self, run: Run) -> bool:
        """Whether a word stands right before a run that says what else it is: "Sprinter 316"."""
        if not run.first:
            return False
        before = self._tokens[run.first - 1]
        plain = before.sort is Sort.WORD and not (before.ends or before.pauses)
        named = any(cue.first < run.first <= cue.end for cue in self._turn.cues)
        return plain and before.norm not in STOP and not is_glue(before) and not named

    def _resolved(self, kind: str, run: Run) -> str:
        by_form = kind_by_shape(run.value)
        if kind == "phone" and run.digits >= 14:
            return "card_number"
        if kind == ANY:
            return self._context.resolved(kind) or by_form or "number"
        if kind == TAIL:
            resolved = self._context.resolved(kind) or "card_number"
            return "cvv" if resolved == "card_expiry" and run.size in (3, 4) else resolved
        return self._context.resolved(kind)
