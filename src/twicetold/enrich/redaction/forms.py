"""What a run is by its form and by what stands beside it, where nobody asked for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.cues import NOTHING, SPELLING
from twicetold.enrich.redaction.guards import is_counting, is_year
from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.shapes import kind_by_shape
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Turn
from twicetold.enrich.redaction.vocabulary import ACRONYMS, words

COPULAS = words(
    "says say reads shows said is was be are it's its that's thats as number it number's "
    "equals were code's pin's"
)
_BACK = words("back strip reverse signature security")
_LONG = 7  # digits in a row that nobody dictates but of something
_LONGER = 10  # even where the number of a thing was asked for
_CARD_NEAR = 6  # turns in which a card's date and code follow its number
_CARD_READ = 2  # turns between two groups of it


class Forms:
    """The forms of one turn's runs; ``guard``: why the run at hand may be nobody's."""

    def __init__(self, turn: Turn, context: Context) -> None:
        self._turn, self._context = turn, context
        self._tokens: Sequence[Token] = turn.tokens
        self.guard = ""

    def is_rest_of_card(self, run: Run) -> bool:
        """Four digits in a turn of their own, while a card's number is being read out."""
        plain = run.size == 4 and not (run.letters or run.cardinal or self.guard or is_year(run))
        return plain and self._context.card <= _CARD_READ and self._turn.is_answer

    def is_beside_card(self, run: Run) -> bool:
        """Three digits, dictated one by one, while a card is being read out."""
        said = run.spelled_out or run.written
        plain = said and run.size == 3 and not (run.letters or self.guard)
        led = self.last_said(run.first) in COPULAS or run.first == 0 or self._turn.is_answer
        return plain and led and self._context.card <= _CARD_NEAR

    def by_form(self, run: Run) -> str:
        if (self.guard and run.size < _LONG) or is_counting(run.value):
            return ""
        if self._is_of_a_thing() and run.size < _LONGER:
            return ""
        if run.digits == 0:
            return "name" if self._is_spelled(run) else ""
        said = self._tokens[run.first : run.last + 1]
        kind = kind_by_shape(run.value)
        if kind == "phone" and not (run.spelled_out or any(t.written_digits > 2 for t in said)):
            return ""
        if kind == "postcode" and not self._is_postcode(run):
            return ""
        if kind and (run.size >= 9 or run.letters >= 3 or kind == "licence_plate"):
            return kind
        if run.size in (3, 4) and not run.letters and self._is_on_the_back(run):
            return "cvv"
        spelled = sum(token.sort is Sort.LETTER for token in said)
        if spelled >= 2 and run.digits >= 3 and run.size >= 6:
            return "reference"
        if spelled >= 3 and run.digits and run.size >= 5:
            return "licence_plate"
        if run.letters and run.digits >= 5 and any("-" in token.norm for token in said):
            return "reference"
        dictated = run.spelled_out or any(token.written_digits >= 4 for token in said)
        asked = self._context.requested and self._turn.is_answer
        if asked and run.letters and run.digits and run.size >= 4:
            return "reference"
        hyphened = all(re.fullmatch(r"\d(-\d){2,}", token.norm) for token in said)
        few = 3 if hyphened else 4
        one_by_one = hyphened or (run.spelled_out and run.last - run.first + 2 >= run.digits)
        if one_by_one and run.digits >= few and not run.letters:
            return "number"
        dictated = dictated or run.digits >= (9 if self._turn.is_answer else 12)
        return "number" if run.digits >= _LONG and dictated and not run.cardinal else ""

    def _is_of_a_thing(self) -> bool:
        """Whether the number of a thing was asked for: a meter's, an error's."""
        asked = self._context.asked
        return bool(asked) and asked[0].kind == NOTHING and asked[0].fresh <= 2

    def _is_spelled(self, run: Run) -> bool:
        """A name, where no other letters are spelled but by who asks for them."""
        letters = run.letters
        if self._tokens[run.first].norm in ("a", "i"):
            letters -= 1
        named = any(a.kind == SPELLING for a in self._context.asked) or self._context.kind == "name"
        if run.value.lower() in "abcdefghijklmnopqrstuvwxyz" or self._is_acronyms(run):
            return False
        if any(t.norm == run.value.lower() for t in self._tokens):
            return True  # jo, that's j o
        if any(t.sort is Sort.PART for t in self._tokens[run.first : run.last + 1]):
            return letters >= 2
        return letters >= (3 if named else 4) and not self._is_acronyms(run)

    def _is_on_the_back(self, run: Run) -> bool:
        """ "The back is four four one": of a card, if it is dictated."""
        before = {token.norm for token in self._tokens[max(0, run.first - 4) : run.first]}
        after = [token.norm for token in self._tokens[run.last + 1 : run.last + 4]]
        if after == ["on", "the", "back"]:
            return True
        said = run.spelled_out or run.written
        return said and bool(before & _BACK) and not is_year(run) and not self.guard

    def _is_postcode(self, run: Run) -> bool:
        """Whether its two halves are written apart, or all of it in one, or letter by letter."""
        last = self._tokens[run.last]
        return len(last.value) in (1, 3, run.size)

    def _is_acronyms(self, run: Run) -> bool:
        spelled = any(t.sort is Sort.PART for t in self._tokens[run.first : run.last + 1])
        return not spelled and run.value.lower() in ACRONYMS

    def last_said(self, at: int) -> str:
        while at > 0 and self._tokens[at - 1].sort in (Sort.FILLER, Sort.SYMBOL):
            if self._tokens[at - 1].norm in COPULAS:
                break
            at -= 1
        norm = self._tokens[at - 1].norm if at else ""
        return "is" if norm.endswith("'s") else norm
