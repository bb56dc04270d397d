"""Words as recognisers write them, and the digits and letters that each stands for.

A word becomes one token or several: ``J-A-N-E`` and ``forty-two`` are as many as were spoken.
Written and spoken forms get the same value, so that ``4421`` is found again in "four four two
one".
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto

from twicetold.enrich.redaction.vocabulary import (
    FILLERS,
    MONTHS,
    ORDINALS,
    PHONETIC,
    REPEATS,
    SCALES,
    SYMBOLS,
    TEENS,
    TENS,
    UNITS,
    words,
)


class Sort(Enum):
    """What a token is, as far as it can be told from itself."""

    DIGITS = auto()  # written: 4421, 415-555-0132
    NUMBER = auto()  # spoken: four, nineteen, eighty
    SCALE = auto()  # hundred, thousand
    REPEAT = auto()  # double, triple
    LETTER = auto()  # one letter
    CODE = auto()  # letters and digits: QX4471, 4b
    PART = auto()  # belongs to a spelled letter: as in alpha, capital
    AMOUNT = auto()  # says itself that it is a quantity: $45, 12:30, 3pm, 20%, 3.5
    DATE = auto()  # 03/14/1982, 04/27
    ORDINAL = auto()  # fourteenth, 14th
    MONTH = auto()
    SYMBOL = auto()  # dot, dash, at
    EMAIL = auto()  # jane.doe@example.com
    IP = auto()  # 192.168.1.10
    HANDLE = auto()  # jane_doe, @jane: a user name by its signs
    FILLER = auto()
    REDACTED = auto()  # somebody removed something here before
    WORD = auto()


@dataclass(slots=True)
class Token:
    """``word`` counts in its turn. ``value``: the digits and capital letters it stands for.
    ``ends`` and ``pauses``: a sentence, a clause ends after it as far as punctuation says."""

    word: int
    raw: str
    norm: str
    sort: Sort
    value: str = ""
    ends: bool = False
    pauses: bool = False

    @property
    def written_digits(self) -> int:
        return len(self.value) if self.sort is Sort.DIGITS else 0


_SHORTENED = words("st mr mrs ms miss dr no apt ave rd mt ft jr sr co vs bldg ste dept ext")
_ROUND = "\"'“”‘’«»()[]{}<>*…"
_LEADING = re.compile(rf"^[{re.escape(_ROUND)}¿¡,.;:!?\-–—]+")
_TRAILING = re.compile(rf"[{re.escape(_ROUND)},.;:!?\-–—]+$")
_LABEL = re.compile(r"^[a-z]+[:=](?=\+?[\w.]*[\d@])(?!/)", re.IGNORECASE)  # "phone:415…"
_STAND_IN = re.compile(r"\[[A-Z][A-Z_]+(-[0-9a-f]{6})?\]|\*{3,}")
_EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(\.[\w\-]+)*", re.ASCII)
_IP = re.compile(
    r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){4,7}|(?=.*::)[0-9a-f:]{4,}(/\d+)?"
)
_MONEY = re.compile(r"[$£€₹¥]|%$")
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d)?([ap]m)?")
_LISTED = re.compile(r"\d(,\d)+|\d{4}(,\d{4})+")  # read out one by one, written with commas
_DECIMAL = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?|\d{1,2}\.\d+|\d+\.\d{1,2}|v?\d+(\.\d+){1,2}")
_WITH_UNIT = re.compile(
    r"\d+-[a-z]{3,}|"
    r"\d+(\.\d+)?(am|pm|k|m|mb|gb|tb|kb|mbps|gbps|g|kg|lb|lbs|oz|ml|l|cm|mm|km|ft|in|s|x|p|"
    r"hrs?|h|mins?|secs?|hz|khz|mhz|ghz|w|kw|kwh|v|mph|kph)"
)
_ORDINAL = re.compile(r"(\d{1,3})(st|nd|rd|th)")
_DOTTED_NUMBER = re.compile(r"\+?(\d{1,2}\.)?\d{3}\.\d{3}\.\d{4}|0\d(\.\d\d){4}")  # telephones
_DATE = re.compile(
    r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{4}[/.\-]\d{1,2}[/.\-]\d{1,2}|\d{1,2}/\d{2,4}"
    r"|(0?[1-9]|[12]\d|3[01])-(0?[1-9]|1[0-2])-(\d{4}|\d\d)"
    r"|(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])-(\d{4}|\d\d)"
)
_DIGITS = re.compile(r"[+#]?\(?\d[\d\-–.()/]*[#*]?")
_CODE = re.compile(r"(?=[a-z_\-–/.]*\d)[a-z\d][a-z\d_\-–/.]*")
_HANDLE = re.compile(r"@[a-z][\w.]+|[a-z][a-z\d.]*(_[a-z\d.]+)+")
_DOTTED = re.compile(r"([a-z]\.){1,6}[a-z]?")


def tokens_of(words: list[str]) -> list[Token]:
    """The tokens of one turn, with what spells a letter marked as such."""
    tokens: list[Token] = []
    for index, raw in enumerate(words):
        for piece in raw.split() or [""]:
            tokens += _tokens_of_word(index, piece)
    _mark_times(tokens)
    _mark_plurals(tokens)
    for token, after in itertools.pairwise(tokens):
        if token.norm in TENS and after.sort is Sort.ORDINAL and int(after.value or 0) < 10:
            token.sort = Sort.ORDINAL  # twenty first
    return tokens


def _mark_times(tokens: list[Token]) -> None:
    """ "Ten a m": those letters spell nothing."""
    for at in range(len(tokens) - 2):
        half = tokens[at + 1].norm in ("a", "p") and tokens[at + 2].norm == "m"
        if half and tokens[at].sort in (Sort.NUMBER, Sort.DIGITS, Sort.AMOUNT):
            tokens[at + 1].sort = tokens[at + 2].sort = Sort.AMOUNT


def _mark_plurals(tokens: list[Token]) -> None:
    """ "Four zeros": one digit, so many times."""
    for count, digit in itertools.pairwise(tokens):
        if digit.norm not in _PLURALS or len(count.value) != 1 or count.value in "01":
            continue
        if count.sort in (Sort.NUMBER, Sort.DIGITS):
            count.sort = Sort.REPEAT
            digit.sort, digit.value = Sort.NUMBER, _PLURALS[digit.norm]


def _tokens_of_word(index: int, raw: str) -> list[Token]:
    if _STAND_IN.search(raw):
        return [Token(index, raw, raw, Sort.REDACTED, ends=raw[-1:] in ".?!")]
    bare = _TRAILING.sub("", _LEADING.sub("", raw))
    if not _IP.fullmatch(bare.lower()):
        bare = _LABEL.sub("", bare)
    trailing = raw[len(raw.rstrip(_ROUND + ",.;:!?-–—")) :]
    ends, pauses = any(c in ".?!" for c in trailing), any(c in ",;:—–" for c in trailing)
    if bare.lower() in _SHORTENED:
        ends = False
    norm = bare.lower().replace("’", "'").replace("‘", "'")
    if not norm.isascii():
        norm = "".join(str(unicodedata.decimal(c, c)) for c in norm)  # digits of other scripts
    signed = raw.lstrip(_ROUND)[:1] in "$£€₹¥" and norm
    pieces = _pieces(norm)
    tokens = [Token(index, raw, piece, *_sort_of(piece, bare)) for piece in pieces]
    if signed or raw.rstrip(".,;:!?)").endswith("%"):
        tokens[0].sort = Sort.AMOUNT
    tokens[-1].ends, tokens[-1].pauses = ends, pauses
    return tokens


def _pieces(norm: str) -> list[str]:
    """What was spoken apart: ``j-a-n-e``, ``forty-two``; all else stays whole."""
    if "-" in norm:
        parts = norm.split("-")
        if all(len(part) == 1 and part.isalpha() for part in parts):
            return parts
        if all(part in _SPOKEN for part in parts):
            return parts
    return [norm]


_PLURALS = {"zeros": "0", "zeroes": "0", "noughts": "0", "ohs": "0", "os": "0"} | {
    f"{word}s": value for word, value in UNITS.items() if len(word) > 2 and word != "zero"
}
_SPOKEN = {*UNITS, *TEENS, *TENS, *SCALES, *REPEATS, *ORDINALS, "and"}


def _sort_of(norm: str, bare: str) -> tuple[Sort, str]:
    if not norm:
        return Sort.FILLER, ""
    if norm[0].isalpha() and norm.isalpha():
        return _sort_of_word(norm, bare)
    return _sort_of_written(norm)


def _sort_of_word(norm: str, bare: str) -> tuple[Sort, str]:
    for known, sort in _WORDS:
        if norm in known:
            return sort, known[norm]
    if len(norm) == 1:
        return Sort.LETTER, norm.upper()
    if bare.isupper() and len(norm) <= 5 and norm not in FILLERS:
        return Sort.WORD, norm.upper()  # perhaps the letters of a code
    return (Sort.FILLER, "") if norm in FILLERS else (Sort.WORD, "")


_WORDS: tuple[tuple[dict[str, str], Sort], ...] = (
    (UNITS, Sort.NUMBER),
    (TEENS, Sort.NUMBER),
    (TENS, Sort.NUMBER),
    (SCALES, Sort.SCALE),
    (REPEATS, Sort.REPEAT),
    (ORDINALS, Sort.ORDINAL),
    (MONTHS, Sort.MONTH),
    (SYMBOLS, Sort.SYMBOL),
)


def _sort_of_written(norm: str) -> tuple[Sort, str]:
    for pattern, sort in _WRITTEN:
        if pattern.fullmatch(norm):
            kept = r"\D" if sort is Sort.ORDINAL else r"[^A-Z0-9]"
            return sort, re.sub(kept, "", norm.upper())
    if _DOTTED.fullmatch(norm):
        letters = norm.replace(".", "").upper()
        return (Sort.LETTER if len(letters) == 1 else Sort.WORD), letters
    if norm in FILLERS:
        return Sort.FILLER, ""
    return Sort.WORD, ""


_WRITTEN = (
    (_DOTTED_NUMBER, Sort.DIGITS),
    (_EMAIL, Sort.EMAIL),
    (_HANDLE, Sort.HANDLE),
    (_IP, Sort.IP),
    (_TIME, Sort.AMOUNT),
    (_DATE, Sort.DATE),
    (_ORDINAL, Sort.ORDINAL),
    (_LISTED, Sort.DIGITS),
    (_DECIMAL, Sort.AMOUNT),
    (_WITH_UNIT, Sort.AMOUNT),
    (_DIGITS, Sort.DIGITS),
    (_CODE, Sort.CODE),
)


def is_phonetic(token: Token) -> bool:
    return token.norm in PHONETIC
