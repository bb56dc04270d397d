"""Marked texts as other recognisers write them: without punctuation, or with it.

So that what is learned from one author's calls in one style holds in the other.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from twicetold.enrich.redaction.vocabulary import TEENS, TENS, UNITS, words

_DIGITS = {value: word for word, value in reversed(UNITS.items())}  # zero, not "oh"
_NUMBER = re.compile(r"(?<!\S)[(+]?\d[\d\-/().]*\d[).]?(?!\w)|(?<!\S)\d(?=[ .,?!])")
_MARK = re.compile(r"(\{[a-z_]+\+?:\s)")
_PIECE = re.compile(r"\{([a-z_]+\+?): ([^{}]*)\}|([^{}]+)")
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_SIGNS = {"dot": ".", "underscore": "_", "dash": "-", "hyphen": "-", "at": "@"}
_TITLED = words("address name spelled_name postcode")
_PROPER = words(
    "i january february april june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday"
)
_LEADING = words("yes no okay ok right so sorry um uh well yeah sure hi hello thanks")
_ASKING = words(
    "what what's whats which where where's when who how can could may would do does did is are "
    "have has will shall any"
)
_PUNCTUATED = 3  # of four answers that lead in, so many have a comma


def plain(text: str) -> str:
    """A marked text in small letters, without punctuation, digits one by one."""

    def said(part: str) -> str:
        part = re.sub(r"[\w.]+@[\w.]+\b", _spoken_address, part.lower())
        part = _NUMBER.sub(_spoken_number, part)
        return re.sub(r"[.,?!;:](?=\s|$)|\"", " ", part)

    parts = [part if part.startswith("{") else said(part) for part in _MARK.split(text)]
    return " ".join("".join(parts).split()).replace(" }", "}")


def _spoken_address(found: re.Match[str]) -> str:
    return found.group().replace("@", " at ").replace(".", " dot ")


def _spoken_number(found: re.Match[str]) -> str:
    return " ".join(["", *(_DIGITS[c] for c in found.group() if c in _DIGITS), ""])


def cased(text: str, chance: random.Random) -> str:
    """A marked text of small letters and digits in words, with capitals, digits and stops."""
    said = [_piece(found, chance) for found in _PIECE.finditer(text)]
    whole = " ".join(" ".join(said).split())
    first = whole.split(" ", 1)[0]
    if first in _LEADING and " " in whole and chance.randrange(4) < _PUNCTUATED:
        whole = whole.replace(" ", ", ", 1)
    whole = whole[:1].upper() + whole[1:]
    end = "?" if set(text.split()[:3]) & _ASKING else "."
    return f"{whole[:-1]}{end}}}" if whole.endswith("}") else whole + end


def _piece(found: re.Match[str], chance: random.Random) -> str:
    kind, inner, outside = found.groups()
    if kind is None:
        return " ".join(_written(outside.split(), chance))
    bare = kind.removesuffix("+")
    if bare in ("email", "ip_address"):
        text = _signed(inner)
    else:
        text = " ".join(_written(inner.split(), chance))
    if bare in _TITLED:
        text = " ".join(word[:1].upper() + word[1:] for word in text.split())
    return f"{{{kind}: {text}}}"


def _signed(text: str) -> str:
    """ "jane dot doe at example dot com" with its signs; digits and letters joined."""
    said = [_SIGNS.get(word, UNITS.get(word, word)) for word in text.split()]
    joined = "".join(said)
    return joined if "@" in joined or joined.count(".") > 1 else " ".join(text.split())


def _written(said: Sequence[str], chance: random.Random) -> Iterator[str]:
    at = 0
    while at < len(said):
        end, digits = _digits(said, at)
        if len(digits) > 1:
            yield _grouped(digits, chance)
            at = end
            continue
        end = at
        while end < len(said) and len(said[end]) == 1 and said[end].isalpha():
            end += 1
        if end - at > 1:
            yield chance.choice(("", "-", " ")).join(said[at:end]).upper()
            at = end
            continue
        word = said[at]
        proper = word.split("'")[0] in _PROPER
        yield word[:1].upper() + word[1:] if proper else word
        at += 1


def _digits(said: Sequence[str], at: int) -> tuple[int, str]:
    """The digits that begin there, and the word behind them."""
    digits = ""
    while at < len(said):
        word = said[at]
        following = said[at + 1] if at + 1 < len(said) else ""
        if word in _REPEATS and following in UNITS:
            digits += UNITS[following] * _REPEATS[word]
            at += 2
        elif word in TENS:
            one = UNITS.get(following, "0") if following not in ("oh", "zero", "o") else "0"
            digits += TENS[word][0] + one
            at += 1 + (one != "0")
        elif word in TEENS or word in UNITS:
            digits += TEENS[word] if word in TEENS else UNITS[word]
            at += 1
        else:
            break
    return at, digits


def _grouped(digits: str, chance: random.Random) -> str:
    if len(digits) < 6 or chance.random() < 0.4:
        return digits
    size, sign = chance.choice((2, 3, 4)), chance.choice((" ", "-", " "))
    return sign.join(digits[at : at + size] for at in range(0, len(digits), size))
