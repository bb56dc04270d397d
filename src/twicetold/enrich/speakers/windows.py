"""Diarizers that want the whole sound at once are given ten minutes of it, so that memory does not
grow, and their speakers are found again by the centroids of their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twicetold.enrich.speakers.naming import named
from twicetold.speech.turns import Turn

Floats = NDArray[np.float32]

_WINDOW_S = 600.0
MOST_SPEAKERS = 8


@dataclass(frozen=True, slots=True)
class Heard:
    """Turns of one window, in seconds from its start; an embedding f32[D] of each speaker whose
    voice was heard for long enough."""

    turns: Sequence[Turn]
    embeddings: Mapping[str, Floats] = field(default_factory=dict)


class WindowedDiarization:
    """A Diarization. Speech that an activity detector found is not asked for: these find it."""

    def __init__(
        self,
        hear: Callable[[Floats], Heard],
        rate: int,
        same_voice: float,
        window_s: float = _WINDOW_S,
    ) -> None:
        """``hear`` takes mono sound of −1..1 at ``rate``; ``same_voice``: from which cosine on two
        embeddings are one voice's."""
        self._hear, self._rate = hear, rate
        self._window = int(window_s * rate) * 2
        self._voices = _Centroids(same_voice)
        self._sound = bytearray()
        self._at = 0  # bytes heard
        self._turns: list[Turn] = []

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        self._sound += pcm
        # The last window is not short: half a one more is kept for it.
        while len(self._sound) >= self._window * 3 // 2:
            self._listen(self._window)

    def finish(self) -> list[Turn]:
        self._listen(len(self._sound) // 2 * 2)
        return named(self._turns)

    def _listen(self, size: int) -> None:
        if not size:
            return
        sound: Floats = np.frombuffer(bytes(self._sound[:size]), "<i2").astype(np.float32)
        sound /= 32768
        del self._sound[:size]
        first_s = self._at / 2 / self._rate
        self._at += size
        heard = self._hear(sound)
        placed = self._voices.place(heard)
        for turn in heard.turns:
            start, end = first_s + turn.start, first_s + turn.end
            self._turns.append(Turn(start, end, placed[turn.speaker]))


class _Centroids:
    """The speakers so far: a mean embedding of length 1, and the windows that it comes from."""

    def __init__(self, same_voice: float) -> None:
        self._same_voice = same_voice
        self._known: dict[str, tuple[Floats, int]] = {}
        self._made = 0

    def place(self, heard: Heard) -> dict[str, str]:
        """A name for each of the window's speakers, no two the same, until 8 are known."""
        placed: dict[str, str] = {}
        pairs = sorted(
            (
                (float(_unit(embedding) @ centroid), speaker, name)
                for speaker, embedding in heard.embeddings.items()
                for name, (centroid, _) in self._known.items()
            ),
            reverse=True,
        )
        full = len(self._known) >= MOST_SPEAKERS
        for likeness, speaker, name in pairs:
            free = speaker not in placed and (full or name not in placed.values())
            if free and (full or likeness >= self._same_voice):
                placed[speaker] = name
        for speaker in dict.fromkeys(turn.speaker for turn in heard.turns):
            if speaker not in placed:
                placed[speaker] = self._new()
        for speaker, embedding in heard.embeddings.items():
            if speaker in placed:
                self._learn(placed[speaker], _unit(embedding))
        return placed

    def _new(self) -> str:
        """A name for somebody new; who cannot be told from anybody is the last of the 8."""
        self._made = min(self._made + 1, MOST_SPEAKERS)
        return f"voice {self._made}"

    def _learn(self, name: str, embedding: Floats) -> None:
        centroid, windows = self._known.get(name, (np.zeros_like(embedding), 0))
        self._known[name] = _unit(centroid * windows + embedding), windows + 1


def _unit(embedding: Floats) -> Floats:
    length = float(np.linalg.norm(embedding))
    found: Floats = (embedding / max(length, 1e-9)).astype(np.float32)
    return found
