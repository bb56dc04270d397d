"""Calls with their personal data marked, as text and as segments."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.redaction_sets.read import Dialogue, parse

from twicetold.speech.transcript import Segment, Word

_SIDES = {"a": "agent", "c": "customer"}


def marked_calls() -> list[Dialogue]:
    """Those of ``calls.txt``; each is named by its first line there."""
    text = (Path(__file__).parent / "calls.txt").read_text(encoding="utf-8")
    lines: list[dict[str, object]] = []
    turns: list[dict[str, str]] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.startswith("#"):
            continue
        if line:
            side, said = line.split(": ", 1)
            turns.append({"who": _SIDES[side], "text": said})
        elif turns:
            name = f"line {number - len(turns)}"
            lines.append({"id": name, "style": "mixed", "turns": turns})
            turns = []
    return list(parse(json.dumps(line) for line in lines))


def segment(text: str, channel: int = 0, at: float = 0.0, *, timed: bool = True) -> Segment:
    """A segment whose words last half a second each."""
    words = tuple(
        Word(at + place / 2, at + place / 2 + 0.5, word, 0.9)
        for place, word in enumerate(text.split())
    )
    end = at + len(words) / 2
    return Segment(int(at) + 1, channel, at, end, text, words if timed else ())


def call(*turns: str, timed: bool = True) -> list[Segment]:
    """Turns of ``a: …`` and ``c: …``, ten seconds each, on two channels."""
    return [
        segment(turn[3:], "ac".index(turn[0]), 10.0 * number, timed=timed)
        for number, turn in enumerate(turns)
    ]
