"""Marked texts as a poor recogniser mishears them.

What is learned from exact words alone loses an answer where a few of them are wrong: "four one
eight" is "for one ate" for many a recogniser, and a spelled name nearly anything. The question
before it, and what was heard right beside it, still tell what it is. The table is by ear: names of
digits and letters, and words that are said nearly as they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from scripts.redaction_styles import plain

_SOUNDS_LIKE: Mapping[str, str] = {
    "zero": "sarah hero so oh or",
    "oh": "or o all a on of are",
    "one": "won on line what run",
    "two": "to too do you q",
    "three": "free tree the those",
    "four": "for or far full",
    "five": "fine by file hi",
    "six": "sick fix sticks",
    "seven": "heaven even some serving",
    "eight": "ate a hey make at",
    "nine": "mine my line night",
    "ten": "then ten turn",
    "double": "trouble couple able w",
    "triple": "trouble people tripled",
    "hundred": "hunter under hundreds",
    "dot": "not don't got that duck",
    "at": "that add get it out",
    "dash": "that does dashed",
    "underscore": "under under_school floor",
    "thirteen": "thirty", "fourteen": "forty", "fifteen": "fifty", "sixteen": "sixty",
    "seventeen": "seventy", "eighteen": "eighty", "nineteen": "ninety",
    "thirty": "thirteen dirty", "forty": "fourteen", "fifty": "fifteen", "sixty": "sixteen",
    "seventy": "seventeen", "eighty": "eighteen", "ninety": "nineteen",
    "a": "hey eh i", "b": "be me d", "c": "see she the", "d": "the dee b", "e": "he she",
    "f": "as if have", "g": "she the gee", "h": "age each ate", "i": "eye high my",
    "j": "jay they day", "k": "okay a pay", "l": "all well el", "m": "am and him",
    "n": "and in then", "o": "oh or all", "p": "be the he", "q": "you who cue", "r": "are our or",
    "s": "as is yes", "t": "he the tea", "u": "you who", "v": "the be we", "w": "double you",
    "x": "ex acts next", "y": "why while", "z": "said see is",
}  # fmt: skip
_ANYTHING = (
    "the and you that it they her our can how man any mark car sun not been there when in on a "
    "is was his she we all out up so no now old or have had here time call"
)
# How many words are heard wrong. pocketsphinx gets a quarter of the personal words wrong that
# `benchmarks.redacted_sound` speaks (91 of 348), and a sixth of the others; of these fewer here,
# for they teach what is innocent. Words that sound like nothing in the table say little.
_MARKED, _OTHER, _UNLIKE = 0.3, 0.08, 0.4
_PIECE = re.compile(r"(\{[a-z_]+\+?: )([^{}]*)(\})|([^{}]+)")


def misheard_call(body: Mapping[str, Any]) -> dict[str, Any]:
    """A set's dialogue, as its line has it; always misheard in the same way."""
    chance = random.Random(f"misheard {body['id']}")
    turns = [{**turn, "text": misheard(plain(turn["text"]), chance)} for turn in body["turns"]]
    return {**body, "turns": turns}


def misheard(text: str, chance: random.Random) -> str:
    """A marked text in small letters, without punctuation, of which some words are others."""
    heard = []
    for opening, inside, closing, outside in _PIECE.findall(text):
        if opening:
            heard.append(opening + _heard(inside, _MARKED, chance) + closing)
        else:
            heard.append(_heard(outside, _OTHER, chance))
    return " ".join(" ".join(heard).split())


def _heard(text: str, share: float, chance: random.Random) -> str:
    return " ".join(_other(word, share, chance) for word in text.split())


def _other(word: str, share: float, chance: random.Random) -> str:
    likes = _SOUNDS_LIKE.get(word, "").split()
    if likes:
        return chance.choice(likes).replace("_", " ") if chance.random() < share else word
    return chance.choice(_ANYTHING.split()) if chance.random() < share * _UNLIKE else word
