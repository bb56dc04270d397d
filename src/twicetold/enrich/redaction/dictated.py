"""Which tokens dictate something: digits, letters, and what is drawn in by its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.vocabulary import (
    HOMOPHONES,
    LETTER_NAMES,
    MONTHS,
    PHONETIC,
    STOP,
    SURELY_PHONETIC,
    TIGHT_FILLERS,
    words,
)

_SOLID = (Sort.DIGITS, Sort.NUMBER, Sort.CODE, Sort.LETTER, Sort.IP)
_SOFT_LETTERS = frozenset("ai")
_LETTER_JOINERS = (("as", "in"), ("for",), ("like",), ("as",), ("is", "for"), ("in",))
_PLAIN_CAPITALS = words(
    "cvv cvc cid pin ssn iban dob nhs tfn sin otp zip ip vin po bsb ifsc pnr mrn dvd led lcd "
    "ssd ram cpu gpu usb am pm tv hdmi est pst cst mst gmt bst usd gbp eur uk us mb gb tb ok "
    "id hd ac dc ad bc"
)
_CASES = frozenset({"capital", "uppercase", "lowercase", "letter", "caps", "small"})


def mark_spelling(tokens: Sequence[Token]) -> None:
    """``b for bravo``, ``j as in january``, ``capital d``: what explains a letter is part of it."""
    for at, token in enumerate(tokens):
        if token.sort is Sort.LETTER or token.norm in ("o", "oh"):
            _mark_explained(tokens, at)
        if token.norm in _CASES and at + 1 < len(tokens):
            if tokens[at + 1].sort is Sort.LETTER or tokens[at + 1].norm == "o":
                token.sort = Sort.PART
        elif token.norm == "ray" and at and tokens[at - 1].norm == "x":
            token.sort, tokens[at - 1].value = Sort.PART, "X"
        elif token.norm == "case" and at and tokens[at - 1].norm in ("upper", "lower"):
            token.sort = tokens[at - 1].sort = Sort.PART


def _mark_explained(tokens: Sequence[Token], at: int) -> None:
    letter = tokens[at].norm[0]
    for joiner in _LETTER_JOINERS:
        end = at + 1 + len(joiner)
        if end >= len(tokens):
            continue
        told = tokens[end]
        said = tuple(token.norm for token in tokens[at + 1 : end])
        if (
            said == joiner
            and told.norm[:1] == letter
            and told.norm.replace("-", "").isalpha()
            and told.norm != "o"
        ):
            if len(told.norm) < 3 and joiner != ("as", "in"):
                continue
            for token in tokens[at + 1 : end + 1]:
                token.sort, token.value = Sort.PART, ""
            tokens[at].sort, tokens[at].value = Sort.LETTER, letter.upper()
            return


def inside_of(tokens: Sequence[Token]) -> list[bool]:
    """For each token whether it dictates something; soft ones by their neighbours."""
    inside = [
        (
            token.sort in _SOLID
            and token.norm not in ("o", "oh")
            and not (token.norm in _SOFT_LETTERS and not _explained(tokens, at))
            and not _is_idiom(tokens, at)
        )
        or (token.sort is Sort.DATE and token.norm.count("-") == 2)
        for at, token in enumerate(tokens)
    ]
    for at, token in enumerate(tokens):  # words of an alphabet, two at least
        spelled = token.norm in PHONETIC and token.sort is not Sort.PART
        if spelled and not inside[at] and _is_letter_word(tokens, inside, at):
            inside[at] = True
            token.sort, token.value = Sort.LETTER, PHONETIC[token.norm]
    order = range(len(tokens))
    for places in (order, reversed(order), order):
        for at in places:
            if not inside[at] and _is_drawn_in(tokens, inside, at):
                inside[at] = True
                if tokens[at].norm in LETTER_NAMES:
                    tokens[at].sort = Sort.LETTER
                    tokens[at].value = LETTER_NAMES[tokens[at].norm]
                if tokens[at].norm in HOMOPHONES and tokens[at].sort is Sort.WORD:
                    tokens[at].sort = Sort.NUMBER
                    tokens[at].value = HOMOPHONES[tokens[at].norm]
    return inside


def _explained(tokens: Sequence[Token], at: int) -> bool:
    return at + 1 < len(tokens) and tokens[at + 1].sort is Sort.PART


_BEFORE_ONE = words(
    "have got want need get at for from of by find see use if on in with like about just this "
    "that the no which every any another each good best new old other right wrong first last "
    "only big same different next loved some not as"
)
_AFTER_ONE = words("of more another day thing who that's that is was sec second moment")


def _is_idiom(tokens: Sequence[Token], at: int) -> bool:
    """ "This one", "one of them": no digit. ``s`` and ``t`` that a recogniser cut off a word."""
    token = tokens[at]
    before = tokens[at - 1] if at else None
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if token.norm == "one":
        if before is not None and before.norm in _BEFORE_ONE and not before.ends:
            return not _is_digit(after)
        return after is not None and after.norm in _AFTER_ONE and not _is_digit(before)
    return False


def _is_digit(token: Token | None) -> bool:
    return token is not None and token.sort in (Sort.NUMBER, Sort.DIGITS, Sort.REPEAT)


def _is_letter_word(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """Whether a word of a spelling alphabet stands among others of its sort."""
    around = [
        tokens[near]
        for near in (at - 2, at - 1, at + 1, at + 2)
        if 0 <= near < len(tokens) and abs(near - at) <= 2
    ]
    next_to = [tokens[near] for near in (at - 1, at + 1) if 0 <= near < len(tokens)]
    sure = tokens[at].norm in SURELY_PHONETIC
    if any(token.norm in SURELY_PHONETIC for token in next_to):
        return True
    far = tokens[max(0, at - 3) : at + 4]
    if any(t.norm in SURELY_PHONETIC for t in far) and all(map(_is_digit, next_to)):
        return True
    kin = sum(token.norm in PHONETIC for token in around)
    letters = any(
        t.sort is Sort.PART or (t.sort is Sort.LETTER and t.norm not in _SOFT_LETTERS)
        for t in next_to
    )
    if sure and tokens[at].norm not in MONTHS:
        near_kin = any(t.norm in PHONETIC for t in next_to)
        weighed = tokens[at].norm == "kilo"  # "twenty five kilo"
        return near_kin or letters or (not weighed and any(_is_digit(t) for t in next_to))
    if len(next_to) == 2 and all(t.sort is Sort.LETTER for t in next_to):
        return True
    return (kin >= 2 and any(t.norm in PHONETIC for t in next_to)) or (
        letters and len(tokens[at].norm) > 1 and kin >= 1
    )


def _is_drawn_in(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    token = tokens[at]
    before = inside[at - 1] if at else False
    after = inside[at + 1] if at + 1 < len(tokens) else False
    if token.sort is Sort.PART:
        return before or after
    if token.sort is Sort.REPEAT:
        return after or (at + 1 < len(tokens) and tokens[at + 1].norm in ("o", "oh", "a", "i"))
    if token.sort is Sort.SCALE:
        return before and tokens[at - 1].sort in (Sort.NUMBER, Sort.DIGITS)
    if token.norm in ("o", "oh"):
        if len(tokens) == 1:
            return True  # a digit of a number that comes one by one, or a sigh; either may go
        near = [place for step in (-1, 1) for place in _beside(tokens, at, step)]
        return any(inside[place] or tokens[place].norm in ("o", "oh") for place in near)
    if token.norm in ("hash", "star") and after and _one_by_one(tokens[at + 1]):
        return _digits_around(tokens, inside, at) >= 4
    if token.norm in ("star", "hash", "asterisk"):
        return before and _one_by_one(tokens[at - 1]) and _digits_around(tokens, inside, at) >= 4
    if token.norm in LETTER_NAMES:
        around = tokens[at - 1 : at + 2]
        spelled = any(t.sort is Sort.LETTER for t in around) or token.norm not in STOP
        ends = before and at + 1 == len(tokens) and token.norm in ("zed", "zee")
        return (before and after and spelled) or ends
    if token.norm in _SOFT_LETTERS:
        return _soft_letter(tokens, inside, at)
    if token.norm in HOMOPHONES:
        return _is_misheard_digit(tokens, inside, at)
    if token.sort is Sort.WORD and token.value and len(token.value) <= 5:  # written capitals
        known = token.norm in _PLAIN_CAPITALS and _digits_around(tokens, inside, at) < 8
        return not known and (
            (before and _coded(tokens[at - 1])) or (after and _coded(tokens[at + 1]))
        )
    if token.norm == "plus":
        return after and _digits_around(tokens, inside, at) >= 7
    return False


def _is_misheard_digit(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """ "Two five to seven": among digits, of many or where nothing else is said; or the last word,
    which "for" and "to" are of nothing else."""
    if not at or not inside[at - 1] or not _one_by_one(tokens[at - 1]) or tokens[at - 1].ends:
        return False
    around = _digits_around(tokens, inside, at)
    if at + 1 == len(tokens):
        return around >= 2
    among = inside[at + 1] and _one_by_one(tokens[at + 1])
    return among and around >= (3 if _nothing_else(tokens, inside) else 5)


def _nothing_else(tokens: Sequence[Token], inside: Sequence[bool]) -> bool:
    known = zip(tokens, inside, strict=True)
    return all(it or t.norm in TIGHT_FILLERS or t.norm in HOMOPHONES for t, it in known)


def _beside(tokens: Sequence[Token], at: int, step: int) -> list[int]:
    """The next place on that side that is no hesitation and no sign, if it is near."""
    for near in (at + step, at + 2 * step):
        if not 0 <= near < len(tokens):
            return []
        if tokens[near].norm not in TIGHT_FILLERS and tokens[near].sort is not Sort.SYMBOL:
            return [near]
    return []


def _behind_sign(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """ "Dot oh dot", "o apostrophe s"."""
    return any(
        0 <= near + step < len(tokens) and tokens[near].sort is Sort.SYMBOL and inside[near + step]
        for near, step in ((at - 1, -1), (at + 1, 1))
        if 0 <= near < len(tokens)
    )


def _one_by_one(token: Token) -> bool:
    return token.sort in (Sort.NUMBER, Sort.DIGITS, Sort.REPEAT) and len(token.value) == 1


def _coded(token: Token) -> bool:
    return token.sort in (Sort.DIGITS, Sort.CODE, Sort.LETTER, Sort.NUMBER, Sort.REPEAT)


def _soft_letter(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """``a`` and ``i`` are letters next to letters, or between digits."""
    next_to = [near for near in (at - 1, at + 1) if 0 <= near < len(tokens) and inside[near]]
    letters = [
        near
        for near in next_to
        if tokens[near].sort in (Sort.LETTER, Sort.PART) or _is_letter_o(tokens, inside, near)
    ]
    if tokens[at].norm == "i" and _speaks(tokens, inside, at):
        return False
    if letters or any(tokens[near].sort is Sort.REPEAT for near in next_to):
        return True
    if next_to and at and tokens[at].raw[:1] == "A" and not tokens[at - 1].ends:
        return True  # written with a capital, and no sentence begins there
    if at + 4 < len(tokens) and all(_one_by_one(token) for token in tokens[at + 1 : at + 5]):
        return True  # "a two five eight one"
    if _behind_sign(tokens, inside, at) and not next_to:
        return True
    return len(next_to) == 2 or (bool(next_to) and _has_letters(tokens, inside, at))


def _is_letter_o(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """ "A o i": whether an "o" stands before a letter."""
    follows = at + 1 < len(tokens) and inside[at + 1] and tokens[at + 1].sort is Sort.LETTER
    return tokens[at].norm == "o" and follows


_AFTER_I = words(
    "need have had am was think can could will would should might do did don't didn't can't "
    "want wanted got get see saw just guess mean know said called tried really also never "
    "always only"
)


def _speaks(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """ "I need": somebody, and no letter."""
    if at + 1 >= len(tokens) or inside[at + 1] or tokens[at].ends or tokens[at].pauses:
        return False
    return tokens[at + 1].norm in _AFTER_I


def _has_letters(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> bool:
    """Whether what was dictated up to there has letters, and no word follows."""
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if after is not None and not inside[at + 1] and after.norm not in _SOFT_LETTERS:
        word_follows = after.sort is Sort.WORD and not tokens[at].ends
        if word_follows:
            return False
    near = at - 1
    while near >= 0 and inside[near]:
        if tokens[near].sort is Sort.LETTER:
            return True
        near -= 1
    return False


def _digits_around(tokens: Sequence[Token], inside: Sequence[bool], at: int) -> int:
    count = 0
    for step in (-1, 1):
        near = at + step
        while 0 <= near < len(tokens) and inside[near]:
            count += len(tokens[near].value)
            near += step
    return count
