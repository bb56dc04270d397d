"""Finders that others made, by the names that settings give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from twicetold.enrich.redaction.redactor import Finder

PRESIDIO = "presidio"
SHAPE = f"{PRESIDIO}, and a model for names: spacy:NAME or gliner:NAME"

_NAME = re.compile(r"presidio|(spacy|gliner):\S+")


def parse_finders(text: str) -> tuple[str, ...]:
    """Separated by commas. Raises ValueError for one that there is not."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(name)
    return names


def know_people(names: Sequence[str]) -> bool:
    """Whether they find names of people, anywhere in a sentence."""
    return any(name != PRESIDIO for name in names)


@cache
def finders_of(names: tuple[str, ...]) -> tuple[Finder, ...]:
    """Loaded, from this machine alone. Raises MissingExtra, ModelMissing."""
    return tuple(_load(name) for name in names)


def _load(name: str) -> Finder:
    if name == PRESIDIO:
        from twicetold.enrich.redaction.presidio import load, written_in

        load()
        return written_in
    from twicetold.enrich.redaction.people import Names

    return Names(name)
