"""Which roles are at work on a data directory, and which are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from twicetold.data_directory import Holder

_ALL = "serve"
_COMMANDS = {
    "gateway": "twicetold gateway",
    "live worker": "twicetold worker live",
    "recorder": "twicetold worker record",
    "batch worker": "twicetold worker batch",
}
_WITHOUT = {
    "gateway": "nobody can call",
    "live worker": "no captions, unless one runs on another machine",
    "recorder": "no recordings",
    "batch worker": "no canonical transcripts",
}


def roles_at_work(holders: Iterable[Holder]) -> tuple[str, str]:
    """Who is there, in words, and the commands that start whoever is not: none where nobody is
    there at all, or everybody."""
    counts = Counter(holder.role for holder in holders)
    if not counts:
        return "none at work here", ""
    there = ", ".join(f"{count} × {role}" for role, count in sorted(counts.items()))
    lacking = [role for role in _COMMANDS if role not in counts and _ALL not in counts]
    if not lacking:
        return f"at work here: {there}", ""
    missing = "; ".join(f"no {role}: {_WITHOUT[role]}" for role in lacking)
    return f"at work here: {there}. But {missing}", "; ".join(_COMMANDS[role] for role in lacking)
