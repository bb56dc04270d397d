"""Conversations whose speakers are known exactly: clips of readers, joined turn by turn to mono.

Readers are kept apart by corpus, so that not the microphone but the voice tells them apart. A turn
is one stretch of a reader's clips between two pauses, or several of them; a piece of speech comes
back only where a reader's clips are used up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from benchmarks.clips import RATE, at_speech_level, pcm16, room
from twicetold.cli.bench_calls import Samples, speech_spans
from twicetold.speech.turns import Turn

_ROOM_DBFS = -60.0
_LEVEL_DBFS = -23.0
_PIECE_PAUSE_S = 0.25  # clips are taken apart at pauses this long,
_REFERENCE_PAUSE_S = 0.5  # and a turn of the reference ends at one of this length
_OVERLAP_SHARE = 0.12  # of the turns begin before the one before them ends


@dataclass(frozen=True, slots=True)
class Conversation:
    """``pcm`` is mono s16le; ``turns`` say who really speaks when; ``repeats`` is how often a
    piece of speech occurs in it at most."""

    name: str
    pcm: bytes
    rate: int
    turns: tuple[Turn, ...]
    repeats: int

    @property
    def length_s(self) -> float:
        return len(self.pcm) / 2 / self.rate


class Reader:
    """One voice: its clips, taken apart at their pauses, and given out in a drawn order."""

    def __init__(self, name: str, clips: Sequence[Samples], random: np.random.Generator) -> None:
        """``clips`` have 16,000 Hz."""
        self.name, self._random = name, random
        self._pieces = [piece for clip in clips for piece in _pieces(clip)]
        self._order: list[int] = []
        self.rounds = 0

    def turn(self, least_s: float) -> Samples:
        """Pieces that last at least so long together, with short pauses between them."""
        joined = self._next()
        while len(joined) / RATE < least_s:
            breath = np.zeros(int(self._random.uniform(0.15, 0.4) * RATE), np.int16)
            joined = np.concatenate((joined, breath, self._next()))
        return joined

    def _next(self) -> Samples:
        if not self._order:
            self._order = list(self._random.permutation(len(self._pieces)))
            self.rounds += 1
        return self._pieces[self._order.pop()]


def converse(
    name: str,
    readers: Mapping[str, Sequence[Samples]],
    length_s: float,
    seed: int,
    mulaw: bool,
) -> Conversation:
    """A talk between the readers (their clips at 16,000 Hz by name) of about that length.

    Turns last about 1 to 15 s, pauses 0.1 to 1.5 s, and one turn in eight begins up to a second
    before the other ends. ``mulaw``: the sound goes through 8,000 Hz μ-law, as on a telephone.
    """
    random = np.random.default_rng(seed)
    people = [Reader(each, clips, random) for each, clips in readers.items()]
    laid: list[tuple[int, str, Samples]] = []
    at, who = int(random.uniform(0.3, 1.5) * RATE), int(random.integers(len(people)))
    while at / RATE < length_s:
        sound = people[who].turn(float(np.clip(random.lognormal(1.0, 0.8), 0.6, 13.0)))
        laid.append((at, people[who].name, sound))
        at += len(sound) + _pause(random, len(sound) / RATE, len(people))
        others = [each for each in range(len(people)) if each != who]
        if others and random.random() < 0.9:
            who = int(random.choice(others))
    mixed = room(at + RATE, random, _ROOM_DBFS)
    for start, _, sound in laid:
        mixed[start : start + len(sound)] += sound
    pcm, rate = _through_codec(mixed, mulaw)
    turns = tuple(turn for each in laid for turn in _reference(*each))
    return Conversation(name, pcm, rate, turns, max(each.rounds for each in people))


def _pieces(clip: Samples) -> list[Samples]:
    sound = at_speech_level(clip, RATE, _LEVEL_DBFS)
    spans = speech_spans(sound, RATE, least_pause_s=_PIECE_PAUSE_S)
    cut = [sound[round(start * RATE) : round(end * RATE)] for start, end in spans]
    return [piece for piece in cut if len(piece) >= 0.4 * RATE]


def _pause(random: np.random.Generator, turn_s: float, people: int) -> int:
    """Samples until the next turn; negative where it interrupts."""
    if people > 1 and random.random() < _OVERLAP_SHARE:
        return -int(min(random.uniform(0.2, 1.0), 0.5 * turn_s) * RATE)
    return int(random.uniform(0.1, 1.5) * RATE)


def _reference(start: int, who: str, sound: Samples) -> list[Turn]:
    at = start / RATE
    return [
        Turn(at + first, at + last, who)
        for first, last in speech_spans(sound, RATE, least_pause_s=_REFERENCE_PAUSE_S)
    ]


def _through_codec(mixed: np.ndarray, mulaw: bool) -> tuple[bytes, int]:
    floats = np.clip(mixed / 32768, -1, 1)
    if not mulaw:
        return pcm16(floats).astype("<i2").tobytes(), RATE
    narrow = np.clip(soxr.resample(floats, RATE, 8_000), -1, 1)
    steps = np.rint(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    back = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255
    return pcm16(back).astype("<i2").tobytes(), 8_000
