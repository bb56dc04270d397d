"""Transcripts as SubRip, WebVTT and plain text, written while segments come in.

Segments are taken by start time, as stores give them; the channels of a call may overlap. Text
is data: what looks like markup in it is made harmless, never interpreted. Where more than one
voice is heard (a speaker, or else a channel: "Channel 1" is channel 0), cues name theirs.

WebVTT: https://www.w3.org/TR/webvtt1/. SubRip has no standard; players take ``<…>`` and ``{…}``
for formatting, which an invisible word joiner (U+2060) behind the bracket prevents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from twicetold.speech.cue_timing import Cue, CueTiming
from twicetold.speech.cues import lay_out
from twicetold.speech.transcript import Segment

_LOOK_AHEAD = 200  # segments within which a second voice is waited for
_LONGEST_LABEL = 16
_JOINER = "\u2060"
# All but the line feed, with which lines are joined; a terminal would obey them.
_CONTROLS = dict.fromkeys([*range(10), *range(11, 32), *range(127, 160)], "\ufffd")


def to_srt(segments: Iterable[Segment]) -> Iterator[str]:
    """SubRip, one cue a piece."""
    return _pieces(SrtWriter(), segments)


def to_vtt(segments: Iterable[Segment]) -> Iterator[str]:
    """WebVTT with voice tags, the header first, then one cue a piece."""
    return _pieces(VttWriter(), segments)


def to_txt(segments: Iterable[Segment]) -> Iterator[str]:
    """One line a segment, led by its voice where there are several."""
    return _pieces(TxtWriter(), segments)


class Writer(Protocol):
    """A form of text that is fed segment by segment, for those who read from a store."""

    def accept(self, segment: Segment) -> list[str]:
        """The pieces that are certain once this segment is known."""

    def finish(self) -> list[str]:
        """The rest."""


def _pieces(writer: Writer, segments: Iterable[Segment]) -> Iterator[str]:
    for segment in segments:
        yield from writer.accept(segment)
    yield from writer.finish()


@dataclass(frozen=True, slots=True)
class _Voiced:
    segment: Segment
    voice: str
    named: bool  # whether the voice is to be shown


class _Voices:
    """Holds the first segments back until it is known whether there is more than one voice."""

    def __init__(self) -> None:
        self._heard: set[str] = set()
        self._held: list[_Voiced] = []
        self._waiting = True

    def accept(self, segment: Segment) -> list[_Voiced]:
        voice = _clean(segment.speaker or "") or f"Channel {segment.channel + 1}"
        if len(self._heard) < 2:
            self._heard.add(voice)
        self._held.append(_Voiced(segment, voice, named=len(self._heard) > 1))
        if len(self._heard) > 1 or len(self._held) >= _LOOK_AHEAD:
            self._waiting = False
        return [] if self._waiting else self.finish()

    def finish(self) -> list[_Voiced]:
        named = len(self._heard) > 1
        held, self._held = self._held, []
        return [_Voiced(one.segment, one.voice, named) for one in held]


class SrtWriter:
    """SubRip; a label stands before the words, within their 42 characters."""

    def __init__(self) -> None:
        self._voices, self._timing, self._number = _Voices(), CueTiming(), 0

    def accept(self, segment: Segment) -> list[str]:
        return [
            self._render(cue) for one in self._voices.accept(segment) for cue in self._cues(one)
        ]

    def finish(self) -> list[str]:
        cues = [cue for one in self._voices.finish() for cue in self._cues(one)]
        return [self._render(cue) for cue in [*cues, *self._timing.finish()]]

    def _cues(self, one: _Voiced) -> list[Cue]:
        label = _shortened(one.voice) + ": " if one.named else ""
        laid_out = lay_out(one.segment, len(label))
        return self._timing.accept(one.segment.channel, one.segment.start, label, laid_out)

    def _render(self, cue: Cue) -> str:
        self._number += 1
        text = _harmless("\n".join([cue.voice + cue.lines[0], *cue.lines[1:]]))
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        return f"{self._number}\n{times}\n{text}\n\n"


class VttWriter:
    """WebVTT; the voice is a tag and takes no room."""

    def __init__(self) -> None:
        self._voices, self._timing, self._begun = _Voices(), CueTiming(), False

    def accept(self, segment: Segment) -> list[str]:
        cues = [cue for one in self._voices.accept(segment) for cue in self._cues(one)]
        return self._header() + [self._render(cue) for cue in cues]

    def finish(self) -> list[str]:
        cues = [cue for one in self._voices.finish() for cue in self._cues(one)]
        return self._header() + [self._render(cue) for cue in [*cues, *self._timing.finish()]]

    def _header(self) -> list[str]:
        header = [] if self._begun else ["WEBVTT\n"]
        self._begun = True
        return header

    def _cues(self, one: _Voiced) -> list[Cue]:
        voice = one.voice if one.named else ""
        return self._timing.accept(
            one.segment.channel, one.segment.start, voice, lay_out(one.segment)
        )

    @staticmethod
    def _render(cue: Cue) -> str:
        voice = f"<v {_escaped(cue.voice)}>" if cue.voice else ""
        times = f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}"
        return f"\n{times}\n{voice}{_escaped(chr(10).join(cue.lines))}\n"


class TxtWriter:
    """Plain text for people; segments without words are left out."""

    def __init__(self) -> None:
        self._voices = _Voices()

    def accept(self, segment: Segment) -> list[str]:
        return [line for one in self._voices.accept(segment) for line in self._lines(one)]

    def finish(self) -> list[str]:
        return [line for one in self._voices.finish() for line in self._lines(one)]

    @staticmethod
    def _lines(one: _Voiced) -> list[str]:
        text = _clean(one.segment.text)
        label = f"{one.voice}: " if one.named else ""
        return [f"{label}{text}\n"] if text else []


def _clean(text: str) -> str:
    """On one line, without control characters."""
    return " ".join(text.split()).translate(_CONTROLS)


def _shortened(voice: str) -> str:
    return voice if len(voice) <= _LONGEST_LABEL else voice[: _LONGEST_LABEL - 1] + "…"


def _harmless(text: str) -> str:
    for mark in ("<", "{", "--"):
        text = text.replace(mark, mark + _JOINER)
    return text.translate(_CONTROLS)


def _escaped(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.translate(_CONTROLS)


def _clock(time_ms: int, point: str) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}"
