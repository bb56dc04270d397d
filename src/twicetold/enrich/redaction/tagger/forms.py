"""Words as classes: what they are made of, and what they look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tagger.lexicon import ACRONYMS
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.vocabulary import (
    BACKCHANNEL,
    FILLERS,
    PHONETIC,
    STOP,
    TEENS,
    TENS,
    words,
)

IsCommon = Callable[[str], bool]

_SHAPE = 8  # signs of a word's shape
_STREETS = words(
    "street road avenue drive lane court close crescent way place terrace boulevard square row "
    "gardens grove hill park mews parade walk rise highway parkway circle apartment flat unit "
    "suite apt floor st ave rd blvd ln dr"
)
_MAILS = words("gmail yahoo hotmail outlook icloud proton aol com net org co uk mail")

_SORTS = {
    Sort.DIGITS: "d", Sort.NUMBER: "n", Sort.SCALE: "h", Sort.REPEAT: "r", Sort.LETTER: "l",
    Sort.CODE: "c", Sort.PART: "p", Sort.AMOUNT: "$", Sort.DATE: "D", Sort.ORDINAL: "o",
    Sort.MONTH: "m", Sort.SYMBOL: "s", Sort.EMAIL: "@", Sort.IP: "I", Sort.HANDLE: "H",
    Sort.FILLER: "f", Sort.REDACTED: "X",
}  # fmt: skip
# Words that what was said before bears on alike.
GROUPS = {
    **dict.fromkeys("dnhrcoPDIm", "n"),
    **dict.fromkeys("lp", "l"),
    **dict.fromkeys("@Hs", "s"),
    **dict.fromkeys("gf", "g"),
    "?": "?",
    "S": "S",
}


def coarse(token: Token, is_common: IsCommon) -> str:
    """One letter: the sort; of plain words, whether they are common, and say anything."""
    if token.sort is not Sort.WORD:
        return _SORTS[token.sort]
    norm = token.norm
    if norm in _STREETS or norm in _MAILS:
        return "S"
    if norm in PHONETIC and not is_common(norm):
        return "P"
    if norm in STOP:
        return "g"
    if norm in FILLERS or norm in BACKCHANNEL:
        return "v"
    return "w" if is_common(norm) else "?"


def fine(token: Token, coarse: str) -> str:
    if coarse == "?":
        signs = "".join(sorted({c for c in token.norm if not c.isalnum()}))
        return f"?{signs}{cap(token)}"
    if coarse == "d":
        return f"d{min(token.written_digits, 9)}{re.sub('[0-9]+', '', token.norm)[:3]}"
    if coarse == "n":
        return "n10" if token.norm in TEENS else "n20" if token.norm in TENS else "n1"
    if coarse in "lcp@IHDX$":
        return coarse
    return token.norm


_ALIKE = re.compile(r"([0-9]+)|([A-Z]+)|[a-z]+")


def shape(word: str) -> str:
    """ "VWN" is XX, "Kay" Xx, "4-1" 1-1, "0912" 4."""
    if word.isalpha() and word.islower() and word.isascii():
        return "x"
    return _ALIKE.sub(_alike, word)[:_SHAPE]


def _alike(found: re.Match[str]) -> str:
    if found[1]:
        return str(min(len(found[1]), 6))
    return ("X" if len(found[2]) == 1 else "XX") if found[2] else "x"


def acronyms_in(tokens: Sequence[Token]) -> set[int]:
    """Tokens that spell an acronym: "g p s", "GPS"."""
    found: set[int] = set()
    at = 0
    while at < len(tokens):
        end = at
        while end < len(tokens) and tokens[end].sort is Sort.LETTER:
            end += 1
        word = "".join(token.norm for token in tokens[at:end]).removesuffix("s")
        if end - at > 1 and (word in ACRONYMS or word + "s" in ACRONYMS):
            found.update(range(at, end))
        elif tokens[at].norm in ACRONYMS and tokens[at].raw.strip(".,?!").isupper():
            found.add(at)
        at = max(end, at + 1)
    return found


def cap(token: Token) -> str:
    return "C" if token.raw[:1].isupper() else ""


def run_said(run: Run) -> str:
    size = run.size if run.size < 8 else 8 + (run.size - 8) // 3
    made = ("d" if run.digits else "") + ("l" if run.letters else "")
    return f"{size}{made}{run.spelled_out:d}{run.cardinal:d}{run.is_pair:d}{run.written:d}"


def near(gap: int) -> int:
    return gap if gap < 3 else 3 if gap < 6 else 4 if gap < 10 else 5
