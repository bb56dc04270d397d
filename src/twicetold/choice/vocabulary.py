"""What a tenant expects to be said, as people write it: terms, and languages."""

from __future__ import annotations

import re

MOST_TERMS = 200
MOST_TERM_LETTERS = 100
MOST_LETTERS = 4_000

_APART = re.compile(r"[,\n]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}")
_JOINERS = dict.fromkeys((0x200C, 0x200D))  # no letters, but Persian and Indic words have them
_MARKS = ("<|", "|>")  # of a model's own tokens, which no term may pass for


def parse_vocabulary(text: str) -> tuple[str, ...]:
    """Words and phrases, the most important first, separated by commas or lines; each once.

    Raises ValueError, which says what is too much, and quotes nothing: there may be names in it.
    """
    terms = [" ".join(each.split()) for each in _APART.split(text)]
    terms = list(dict.fromkeys(term for term in terms if term))
    if len(terms) > MOST_TERMS:
        raise ValueError(f"{len(terms)} terms")
    for number, term in enumerate(terms, 1):
        if len(term) > MOST_TERM_LETTERS:
            raise ValueError(f"{len(term)} letters in term {number}")
        if not term.translate(_JOINERS).isprintable() or any(mark in term for mark in _MARKS):
            raise ValueError(f"signs in term {number} that nobody says")
    if (letters := sum(map(len, terms))) > MOST_LETTERS:
        raise ValueError(f"{letters} letters in all")
    return tuple(terms)


def parse_languages(text: str) -> tuple[str, ...]:
    """Primary tags, separated by ``|``: ``de|en``. Raises ValueError."""
    languages = [each.strip().lower() for each in text.split("|") if each.strip()]
    for each in languages:
        if not _LANGUAGE.fullmatch(each):
            raise ValueError(each)
    return tuple(dict.fromkeys(languages))
