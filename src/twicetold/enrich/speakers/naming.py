"""Speakers get numbers in the order in which they are first heard."""

from __future__ import annotations

from collections.abc import Iterable

from twicetold.speech.turns import Turn

_SAME_BREATH_S = 0.05


def named(turns: Iterable[Turn]) -> list[Turn]:
    """The turns by start, their speakers called ``1``, ``2``, …; turns of one speaker that touch
    are one."""
    names: dict[str, str] = {}
    last: dict[str, int] = {}  # where each speaker's last turn is
    found: list[Turn] = []
    for turn in sorted(turns, key=lambda turn: (turn.start, turn.end, turn.speaker)):
        name = names.setdefault(turn.speaker, str(len(names) + 1))
        before = found[last[name]] if name in last else None
        if before is not None and turn.start - before.end <= _SAME_BREATH_S:
            found[last[name]] = Turn(before.start, max(before.end, turn.end), name)
        else:
            last[name] = len(found)
            found.append(Turn(turn.start, turn.end, name))
    return found
