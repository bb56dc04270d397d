"""What belongs to a value that was found, and stands beside it: signs, an article, "extension"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.turns import Mark, Turn, text_between
from twicetold.enrich.redaction.vocabulary import STOP, words

_SIGNED = frozenset({"email", "username", "password", "pin", "reference", "member_number"})
_NO_TOWNS = words("i i'm i've i'd i'll it's its yes no so and but that's the we we're you my")
_CODES = frozenset(
    [
        "reference",
        "member_number",
        "document_number",
        "bank_account",
        "national_id",
        "number",
        "licence_plate",
    ]
)
_JOINING = words("dot dash hyphen underscore slash")
_CLOSING = words("hash pound star asterisk exclamation dollar ampersand sign mark")
_EXTENSIONS = words("extension ext x")
_MISHEARD = 4  # words that an e-mail's name may have become
_LEAD_IN = words(
    "is it's its that's to address domain email e-mail mail was yes yeah okay ok so then just from "
    "no or and at with i'm i my use um uh"
)
_MAILED = frozenset({"email", "username", "password", "security_answer", "one_time_code"})
_DOMAINS = words("com org net edu gov co uk us ca in au io de fr ie nz info test example")
_KEYED = frozenset({"pin", "password", "security_answer", "one_time_code"})


def stretched(turn: Turn, marks: Sequence[Mark]) -> list[Mark]:
    """The marks of a turn, each with what goes with it; never into one another."""
    own = [mark for mark in marks if mark.turn == turn.index]
    taken = {at for mark in own for at in range(mark.first, mark.last + 1)}
    wider = [mark for mark in marks if mark.turn != turn.index]
    for mark in own:
        first, last = _first(turn, mark, taken), _last(turn, mark, taken)
        if (first, last) != (mark.first, mark.last):
            # What is read back is compared by the value: that of digits stays as it was.
            same = mark.value.replace(" ", "").isalnum() and mark.value.isupper()
            value = mark.value if same else text_between(turn.tokens, first, last)
            value = mark.value if mark.kind in ("phone", "pin") else value
            mark = replace(mark, first=first, last=last, value=value)
            taken |= set(range(first, last + 1))
        wider.append(mark)
        if mark.kind == "phone":
            wider += _extension(turn, mark, taken)
    return wider


def with_names(turn: Turn, marks: Sequence[Mark]) -> list[Mark]:
    """The marks of a turn; where of an e-mail address only the domain was understood, with the
    words before it, which were its name: "write about not our current example dot com"."""
    taken = {at for m in marks if m.turn == turn.index for at in range(m.first, m.last + 1)}
    wider = []
    for mark in marks:
        first = mark.first
        if mark.turn == turn.index and mark.kind in _MAILED and _is_domain(turn, mark):
            first = _nameless(turn, first, taken)
        same = first == mark.first
        wider.append(mark if same else replace(mark, first=first, also="email"))
    return wider


def _is_domain(turn: Turn, mark: Mark) -> bool:
    said = [token.norm for token in turn.tokens[mark.first : mark.last + 1]]
    ends = any(a == "dot" and b in _DOMAINS for a, b in pairwise(said))
    return ends and said[0] != "dot" and not any(word == "at" or "@" in word for word in said)


def _nameless(turn: Turn, first: int, taken: set[int]) -> int:
    for at in range(first - 1, max(-1, first - 1 - _MISHEARD), -1):
        token = turn.tokens[at]
        if token.ends or at in taken or token.norm in _LEAD_IN:
            break
        first = at
    return first


def _first(turn: Turn, mark: Mark, taken: set[int]) -> int:
    tokens, first = turn.tokens, mark.first
    if mark.kind in _SIGNED:
        while first > 1 and tokens[first - 1].norm in _JOINING and first - 1 not in taken:
            if not _is_plain(tokens[first - 2]) or first - 2 in taken:
                break
            first -= 2
        if first == 1 and tokens[0].norm in _JOINING and 0 not in taken:
            first = 0
    if mark.kind in _CODES and first and first - 1 not in taken:
        first -= _is_capitals(tokens[first - 1])
    if mark.kind == "address" and first > 1 and tokens[first - 2].norm in ("number", "no"):
        first -= tokens[first - 1].sort in (Sort.NUMBER, Sort.DIGITS) and not tokens[first - 1].ends
    if mark.kind == "card_expiry" and first and tokens[first - 1].norm == "next":
        first -= 1
    if mark.kind == "card_expiry" and [t.norm for t in tokens[first - 2 : first]] == ["end", "of"]:
        first -= 2
    if mark.kind == "security_answer" and first and tokens[first - 1].norm in ("a", "an", "the"):
        first -= 1
    return first


def _last(turn: Turn, mark: Mark, taken: set[int]) -> int:
    tokens, last = turn.tokens, mark.last
    if mark.kind in _KEYED:
        while last + 1 < len(tokens) and tokens[last + 1].norm in _CLOSING:
            if last + 1 in taken or tokens[last].ends:
                break
            last += 1
    if mark.kind in ("email", "username") and not tokens[last].ends:
        while last + 2 < len(tokens) and tokens[last + 1].norm in _JOINING:
            if not _is_plain(tokens[last + 1]) and not _is_word(tokens[last + 2]):
                break
            last += 2
        run = next((run for run in turn.runs if run.first == last + 1), None)
        if last > mark.last and run is not None and not tokens[last].ends:
            last = run.last
    if mark.kind in _CODES and last + 1 < len(tokens) and not tokens[last].ends:
        last += _is_capitals(tokens[last + 1]) and last + 1 not in taken
    if mark.kind == "card_expiry" and [t.norm for t in tokens[last + 1 : last + 3]] in _YEARS:
        last += 2
    if mark.kind == "address":
        return _town(turn, last, taken)
    return last


def _town(turn: Turn, last: int, taken: set[int]) -> int:
    """Capitals behind a street, with a comma between or none: ", Great Yeldham"."""
    tokens = turn.tokens
    floor = [token.norm for token in tokens[last + 2 : last + 3]] == ["floor"]
    if floor and tokens[last + 1].sort is Sort.ORDINAL and not tokens[last].ends:
        last += 2
    while last + 1 < len(tokens) and not tokens[last].ends and last + 1 not in taken:
        following = tokens[last + 1]
        named = following.raw[:1].isupper() and following.norm not in _NO_TOWNS
        if not named or following.sort not in (Sort.WORD, Sort.SYMBOL):
            break
        last += 1
    return last


def _extension(turn: Turn, mark: Mark, taken: set[int]) -> Iterator[Mark]:
    """ "Extension two two", behind a telephone number."""
    tokens = turn.tokens
    for at in range(mark.last + 1, min(len(tokens), mark.last + 4)):
        if tokens[at].norm in _EXTENSIONS:
            run = next((run for run in turn.runs if run.first in (at, at + 1)), None)
            if run is not None and run.size <= 6 and run.last not in taken:
                first = at if tokens[at].norm == "ext" else run.first
                yield Mark(mark.turn, first, run.last, "phone", run.value)
            return


_YEARS = [["next", "year"], ["this", "year"]]


def _is_capitals(token: Token) -> bool:
    """ "EX", "PCN": letters of a code, as they are written before its digits."""
    bare = token.raw.strip(".,;:!?")
    return 1 < len(bare) <= 4 and bare.isalpha() and bare.isupper() and token.norm not in _NAMES


_NAMES = words("id ip pin ssn dob nhs iban bsb pan tfn sin no ref po ok usa uk")


def _is_word(token: Token) -> bool:
    return token.sort in (Sort.WORD, Sort.LETTER) and token.norm not in STOP


def _is_plain(token: Token) -> bool:
    return token.sort in (Sort.WORD, Sort.LETTER) and token.norm not in STOP and not token.ends
