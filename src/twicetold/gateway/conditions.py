"""Conditional requests (RFC 9110, section 13) on strong entity tags."""

from __future__ import annotations


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether a client's If-None-Match names what it would get: 304 instead."""
    if if_none_match is None:
        return False
    named = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in named or etag in named


def range_applies(if_range: str | None, etag: str) -> bool:
    """Whether a Range may be honoured: there is no If-Range, or it names this very content.

    A date there never does: a second is too coarse to tell two contents apart.
    """
    return if_range is None or if_range.strip() == etag
