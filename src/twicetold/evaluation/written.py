"""Reads what is said out of plain text and subtitles, as ``speech/subtitles.py`` writes them and
as other programs do."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from twicetold.evaluation.reference import Reference, Said

_TIMES = re.compile(r"^\s*((?:\d+:)?\d+:\d+[.,]\d+)\s+-->\s")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_LABEL = re.compile(r"^([^\s:][^:\n]{0,15}): (.*)$", re.DOTALL)
_CHANNEL = re.compile(r"Channel ([0-9]+)")
_JOINER = "\u2060"

_Line = tuple[float, str, str]  # start in seconds, voice or "", text


def of_txt(text: str) -> Reference:
    """Plain text. Where every line is led by a voice, and there are two or more, voices are no
    words ("Channel 1: " is channel 0)."""
    lines = [line for line in text.splitlines() if line.strip()]
    return _reference(_unlabelled([(float(at), "", line) for at, line in enumerate(lines)]))


def of_srt(text: str) -> Reference:
    """SubRip; voices as in plain text."""
    cues = [(start, "", _plain(lines)) for start, lines in _cues(text)]
    return _reference(_unlabelled(cues))


def of_vtt(text: str) -> Reference:
    """WebVTT; voices by their tags."""
    found: list[_Line] = []
    for start, lines in _cues(text):
        voice = _VOICE.search(" ".join(lines))
        name = html.unescape(voice.group(1)).strip() if voice is not None else ""
        found.append((start, name, html.unescape(_plain(lines))))
    return _reference(found)


def _cues(text: str) -> Iterator[tuple[float, list[str]]]:
    """Start in seconds and lines of each cue; blocks without times (NOTE, STYLE) are none."""
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.split("\n")
        for number, line in enumerate(lines):
            times = _TIMES.match(line)
            if times is not None:
                yield _seconds(times.group(1)), lines[number + 1 :]
                break


def _plain(lines: Iterable[str]) -> str:
    return _TAG.sub("", " ".join(lines)).replace(_JOINER, "").strip()


def _seconds(clock: str) -> float:
    seconds = 0.0
    for part in clock.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def _unlabelled(lines: Sequence[_Line]) -> list[_Line]:
    """Labels taken for voices, if all lines have one and there are several; else left alone."""
    matches = [_LABEL.match(text) for _, _, text in lines]
    found = [match for match in matches if match is not None]
    if len(found) < len(lines) or len({match.group(1) for match in found}) < 2:
        return list(lines)
    return [
        (start, match.group(1), match.group(2))
        for (start, _, _), match in zip(lines, found, strict=True)
    ]


def _reference(lines: Iterable[_Line]) -> Reference:
    said = []
    for start, voice, text in lines:
        channel = _CHANNEL.fullmatch(voice)
        said.append(Said(start, int(channel.group(1)) - 1 if channel else None, text))
    return Reference(tuple(said))
