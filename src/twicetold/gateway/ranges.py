"""Byte ranges as RFC 9110, section 14, has them, for one representation of known size."""

from __future__ import annotations

import re

_SPEC = re.compile(r"(\d*)\s*-\s*(\d*)\Z", re.ASCII)
_LONGEST_HEADER = 200


class NotSatisfiable(ValueError):
    """No byte of the representation lies in what was asked for: 416."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(first, last), both included, that a Range header asks for; None for the whole.

    A header of another unit, with a mistake in it, or with several ranges gives the whole,
    as the RFC allows. Raises NotSatisfiable.
    """
    unit, equals, ranges = (header or "").strip().partition("=")
    if not equals or unit.strip().lower() != "bytes" or len(ranges) > _LONGEST_HEADER:
        return None
    found = _SPEC.match(ranges.strip())
    if found is None:  # also several ranges
        return None
    first, last = found.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    end = int(last) if last else size - 1
    if last and end < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return start, min(end, size - 1)


def _suffix(length: str, size: int) -> tuple[int, int] | None:
    """The last so many bytes; all of them where there are no more."""
    if not length:
        return None
    if int(length) == 0 or size == 0:
        raise NotSatisfiable
    return max(0, size - int(length)), size - 1
