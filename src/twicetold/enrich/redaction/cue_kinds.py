"""Kinds that a phrase can name beside those of personal data."""

from __future__ import annotations

ANY = "any"  # "the number is": of whatever kind was spoken of
TAIL = "tail"  # "ending in": the last digits of whatever kind was spoken of
SPELLING = "spelling"  # "could you spell that"
NOTHING = ""  # "error code": a number that is nobody's
