"""When somebody speaks: the gate that turns a probability per frame into stretches of speech.

Both passes share it. Frames only, no PCM: whoever holds the sound knows where frame 0 lies.
The hysteresis is the one Silero's own iterator uses: speech begins above one threshold and
ends below a lower one, so that a wavering probability does not chop an utterance to pieces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_DOUBT_S = 1.0


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Probabilities are 0..1.

    Speech begins at a frame of ``threshold`` or more, once ``min_speech_ms`` have followed
    at ``release`` or more and one of these frames reached ``certain``; it ends with the first
    frame below ``release``, once ``min_silence_ms`` have passed in which no frame reached
    ``threshold``.

    ``certain`` is what keeps music out, which makes the detector waver for a second or two
    without convincing it; real speech does within a tenth of a second
    (``benchmarks/silence.py`` counts what each side loses).
    """

    threshold: float = 0.5
    release: float = 0.35
    certain: float = 0.9
    min_speech_ms: int = 96
    min_silence_ms: int = 500

    def __post_init__(self) -> None:
        if not 0.0 <= self.release <= self.threshold <= 1.0:
            raise ValueError(
                "expected 0 <= release <= threshold <= 1"
                f" but got release={self.release}, threshold={self.threshold}"
            )
        if not 0.0 <= self.certain <= 1.0:
            raise ValueError(f"expected 0 <= certain <= 1 but got {self.certain}")
        if self.min_speech_ms < 0 or self.min_silence_ms < 0:
            raise ValueError("expected min_speech_ms and min_silence_ms of 0 or more")


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody speaks since ``frame``, which lies ``min_speech_ms`` to a second in the past."""

    frame: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Nobody speaks since ``frame``, which lies ``min_silence_ms`` in the past."""

    frame: int


GateEvent = Started | Ended


class SpeechGate:
    """One channel's gate. Deterministic; its state is plain numbers, so ``copy.copy`` copies it."""

    __slots__ = (
        "_candidate",
        "_confirm_frames",
        "_convinced",
        "_doubt_frames",
        "_frame",
        "_silence_since",
        "_speaking",
        "_wait_frames",
        "settings",
    )

    def __init__(self, settings: GateSettings, frame_s: float, *, speaking: bool = False) -> None:
        """``frame_s``: the length of a frame in seconds; ``speaking``: somebody does already."""
        if frame_s <= 0:
            raise ValueError(f"expected frames longer than 0 s but got {frame_s}")
        self.settings = settings
        self._confirm_frames = _frames(settings.min_speech_ms, frame_s)
        self._doubt_frames = max(self._confirm_frames, int(_LONGEST_DOUBT_S / frame_s + 1e-9))
        self._wait_frames = _frames(settings.min_silence_ms, frame_s)
        self._frame = 0  # number of the next frame
        self._speaking = speaking
        self._candidate: int | None = None  # first frame of speech that is not confirmed yet
        self._convinced = False  # whether a frame since then was certain
        self._silence_since: int | None = None if speaking else 0

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open: from ``Started`` to ``Ended``."""
        return self._speaking

    @property
    def silence_frames(self) -> int:
        """Frames since speech was last heard, the newest included; 0 while it is heard."""
        return 0 if self._silence_since is None else self._frame - self._silence_since

    def accept(self, probability: float) -> list[GateEvent]:
        """The next frame's probability of speech in, at most one event out."""
        event: GateEvent | None = None
        if self._speaking:
            self._listen(probability)
        else:
            event = self._wait(probability)
        self._frame += 1
        if self._silent_for_long():
            event = self._close()
        return [] if event is None else [event]

    def flush(self) -> list[GateEvent]:
        """End what is open, as if silence had passed; unconfirmed speech is forgotten.

        Frames go on counting, so the gate can be used further.
        """
        self._candidate = None
        return [self._close()] if self._speaking else []

    def _wait(self, probability: float) -> Started | None:
        settings = self.settings
        level = settings.threshold if self._candidate is None else settings.release
        if not probability >= level:  # so that a NaN is silence
            self._candidate = None
            return None
        if self._candidate is None:
            self._candidate, self._convinced = self._frame, False
        self._convinced = self._convinced or probability >= settings.certain
        # Whoever holds the sound need not keep more of it than this for a late start.
        self._candidate = max(self._candidate, self._frame + 1 - self._doubt_frames)
        if not self._convinced or self._frame + 1 - self._candidate < self._confirm_frames:
            return None
        started = Started(self._candidate)
        self._speaking, self._candidate, self._silence_since = True, None, None
        return started

    def _listen(self, probability: float) -> None:
        if probability >= self.settings.threshold:
            self._silence_since = None
        elif self._silence_since is None and not probability >= self.settings.release:
            self._silence_since = self._frame

    def _silent_for_long(self) -> bool:
        return (
            self._speaking
            and self._silence_since is not None
            and self._frame - self._silence_since >= self._wait_frames
        )

    def _close(self) -> Ended:
        if self._silence_since is None:
            self._silence_since = self._frame
        self._speaking = False
        return Ended(self._silence_since)


def _frames(milliseconds: int, frame_s: float) -> int:
    """Whole frames that last at least that long, and at least one."""
    return max(1, math.ceil(milliseconds / 1000 / frame_s - 1e-9))


def quietest(frames_probability: Sequence[float], low: int, high: int) -> int:
    """Where in ``[low, high)`` a monologue is best cut: the middle of its longest dip.

    Takes any measure that is low where nobody speaks (a probability, a loudness). A dip is
    a run of frames in the lowest quarter between the range's minimum and its mean; of
    equally long ones the lower wins, then the later.

    Raises ValueError for an empty range or one that reaches out of the sequence.
    """
    if not 0 <= low < high <= len(frames_probability):
        raise ValueError(
            f"expected 0 <= low < high <= {len(frames_probability)} but got {low}, {high}"
        )
    values = frames_probability[low:high]
    floor = min(values)
    level = max(floor, floor + 0.25 * (sum(values) / len(values) - floor))
    best, best_rank = 0, (0, 0.0)
    for start, end in _runs_at_most(values, level):
        rank = (end - start, -sum(values[start:end]) / (end - start))
        if rank >= best_rank:
            best, best_rank = (start + end - 1) // 2, rank
    return low + best


def _runs_at_most(values: Sequence[float], level: float) -> list[tuple[int, int]]:
    """``(start, end)`` of each longest run of values that are not above ``level``."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for index, value in enumerate(values):
        if value <= level:
            start = index if start is None else start
        elif start is not None:
            runs.append((start, index))
            start = None
    if start is not None:
        runs.append((start, len(values)))
    return runs
