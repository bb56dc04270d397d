"""Who speaks: a server's labels, which count in one answer only, made to last for a channel.

A server calls whom it hears A, B and so on, anew in each answer, but for up to four people of whom
it was given a name and a few seconds of their voice. So each label becomes one of ours (S1, S2, …),
and the first four people's voices go along with the next chunk of the channel. Whom the server does
not find among these gets a new label: two people are never one by mistake of ours, one may be two.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twicetold.engines import Sound
from twicetold.engines.remote.limits import storable
from twicetold.engines.remote.sounds import wav_of
from twicetold.engines.remote.spreading import within
from twicetold.speech.transcript import Word

_MOST_KNOWN = 4
_LEAST_CLIP_S, _MOST_CLIP_S = 2.0, 5.0  # 2 to 10 are taken; each goes with every later chunk


@dataclass(frozen=True, slots=True)
class Turn:
    """A segment of an answer: seconds in the sound, ``speaker`` a label or ""."""

    start: float
    end: float
    text: str
    speaker: str

    def words(self) -> list[Word]:
        """The words, spread over the turn by their letters."""
        parts = within(self.text, self.start, self.end, self.end)
        return [replace(word, speaker=self.speaker) for word in parts]


@dataclass(frozen=True, slots=True)
class Speakers:
    """Those of a channel so far: how many were met, and WAV files, as base64, of the voices of the
    first of them by label."""

    met: int = 0
    voices: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_adaptation(cls, adaptation: str | None) -> Speakers:
        """What ``to_adaptation`` wrote; of a stranger's nothing is taken."""
        try:
            body = json.loads(adaptation or "")
            return cls(int(body["met"]), {str(k): str(v) for k, v in body["voices"].items()})
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()

    def to_adaptation(self) -> str:
        return json.dumps({"met": self.met, "voices": dict(self.voices)})

    def form(self) -> dict[str, Sequence[str]]:
        """The fields that tell a server of them."""
        if not self.voices:
            return {}
        urls = [f"data:audio/wav;base64,{voice}" for voice in self.voices.values()]
        return {"known_speaker_names[]": list(self.voices), "known_speaker_references[]": urls}

    def unheard(self) -> Speakers:
        """As many, of whom the server was told nothing."""
        return Speakers(self.met)

    def named(self, turns: Sequence[Turn]) -> tuple[list[Turn], int]:
        """The turns under our labels, and how many people were met with them."""
        names: dict[str, str] = {"": "", **{label: label for label in self.voices}}
        met = self.met
        for turn in turns:
            if turn.speaker not in names:
                met += 1
                names[turn.speaker] = f"S{met}"
        return [replace(turn, speaker=names[turn.speaker]) for turn in turns], met

    def after(self, turns: Sequence[Turn], met: int, sound: Sound) -> Speakers:
        """With the voices of those who are new in these turns, as far as there is room."""
        voices, alone = dict(self.voices), _alone(turns)
        for label in dict.fromkeys(turn.speaker for turn in turns if turn.speaker):
            if label not in voices and len(voices) < _MOST_KNOWN:
                clip = _clip([turn for turn in alone if turn.speaker == label], sound)
                if clip.seconds >= _LEAST_CLIP_S:
                    voices[label] = base64.b64encode(wav_of(clip)).decode()
        return Speakers(met, voices)


def turns_of(segments: Iterable[Mapping[str, Any]], seconds: float) -> list[Turn]:
    """The segments of an answer about so much sound, in order of time. Raises what comes of one
    that is none: KeyError, OverflowError, TypeError, ValueError."""
    turns = []
    for each in segments:
        start = min(max(0.0, float(each["start"])), seconds)
        end = min(max(start, float(each["end"])), seconds)
        label = storable(each.get("speaker") or "").strip()
        turns.append(Turn(start, end, each["text"], label))
    return sorted(turns, key=lambda turn: turn.start)


def _alone(turns: Sequence[Turn]) -> list[Turn]:
    """Those that lie over no other one."""
    alone, over = [], 0.0
    starts = [*(turn.start for turn in turns[1:]), math.inf]
    for turn, next_start in zip(turns, starts, strict=False):  # of none there is no next
        if turn.start >= over and turn.end <= next_start:
            alone.append(turn)
        over = max(over, turn.end)
    return alone


def _clip(turns: Sequence[Turn], sound: Sound) -> Sound:
    """Up to five seconds of these turns, the longest first."""
    pcm, most = b"", 2 * int(_MOST_CLIP_S * sound.rate)
    for turn in sorted(turns, key=lambda turn: turn.start - turn.end):
        first, last = (2 * int(at * sound.rate) for at in (turn.start, turn.end))
        pcm += sound.pcm[first : min(last, first + most - len(pcm))]
        if len(pcm) >= most:
            break
    return Sound(pcm, sound.rate)
