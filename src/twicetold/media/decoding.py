"""In the child: one sound track of an open container, as PCM. The only user of PyAV, with its
neighbours ``files`` and ``streams``.

Time comes from the frames' own time stamps: where a packet is broken or missing, silence of
the right length takes its place, so that what follows keeps its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from twicetold.errors import NotAudio, TruncatedAudio
from twicetold.media.resampling import QUALITY, to_pcm

# What PyAV raises on damaged input: some tags are no UTF-8, some tables point nowhere.
AV_ERRORS = (av.FFmpegError, UnicodeDecodeError, IndexError)

LOWEST_RATE, HIGHEST_RATE = 4_000, 768_000

_GAP_S = 0.1  # time stamps of some containers are that vague
_GAP_AFTER_DAMAGE_S = 0.005
_MOST_SILENCE_S = 6 * 3600.0
_MOST_BROKEN_PACKETS = 100  # one after another
_FULL_SCALE = 32768.0
_BLOCK_S = 0.5

Samples = npt.NDArray[np.float32]  # (samples, channels), ±32768 is full scale


@dataclass
class Timeline:
    """Where each frame belongs, and how much silence is missing before it.

    ``origin_s`` is the time stamp at which the sound's clock begins, None for the first frame's.
    Beyond ``longest_gap_s`` no sound is missing: the stamps jumped.
    """

    origin_s: float | None = None
    longest_gap_s: float = 600.0
    damaged: bool = False
    _reached_s: float = 0.0
    _filled_s: float = 0.0

    def gap_s(self, frame: AudioFrame) -> float:
        """Seconds of silence that belong before ``frame``."""
        if frame.time is None:
            return 0.0
        if self.origin_s is None:
            self.origin_s = frame.time
        gap = frame.time - self.origin_s - self._reached_s
        tolerance = _GAP_AFTER_DAMAGE_S if self.damaged else _GAP_S
        self.damaged = False
        if -_GAP_S <= gap <= tolerance:
            return 0.0
        if 0 < gap <= self.longest_gap_s and self._filled_s + gap <= _MOST_SILENCE_S:
            self._filled_s += gap
            return gap
        self.origin_s = frame.time - self._reached_s
        return 0.0

    def advance(self, seconds: float) -> None:
        self._reached_s += seconds


@dataclass
class PcmMaker:
    """Sound of any rate and layout to PCM s16le of one; N samples give round(N * rate / from)."""

    rate: int
    channels: int
    _source_rate: int = 0
    _stream: Any = None
    _waiting: list[Samples] = field(default_factory=list)
    _waiting_s: float = 0.0

    def add(self, samples: Samples, source_rate: int, *, now: bool = False) -> bytes:
        """PCM that has become available. ``now``: hold nothing back but the resampler's share."""
        rest = b"" if source_rate == self._source_rate else self._begin(source_rate)
        self._waiting.append(_fit(samples, self.channels))
        self._waiting_s += len(samples) / source_rate
        return rest + (self._resample() if now or self._waiting_s >= _BLOCK_S else b"")

    def finish(self) -> bytes:
        """The rest of the sound."""
        return self._begin(0)

    def _begin(self, source_rate: int) -> bytes:
        rest = self._resample(last=True) if self._source_rate else b""
        self._source_rate, self._stream = source_rate, None
        if source_rate not in (0, self.rate):
            self._stream = soxr.ResampleStream(
                source_rate, self.rate, self.channels, dtype="float32", quality=QUALITY
            )
        return rest

    def _resample(self, *, last: bool = False) -> bytes:
        empty = np.zeros((0, self.channels), np.float32)
        samples = np.concatenate([empty, *self._waiting])
        self._waiting, self._waiting_s = [], 0.0
        if self._stream is None:
            return to_pcm(samples)
        shaped = samples if self.channels > 1 else samples[:, 0]
        return to_pcm(self._stream.resample_chunk(shaped, last=last))


def _fit(samples: Samples, channels: int) -> Samples:
    if samples.shape[1] == channels:
        return samples
    mixed: Samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    return mixed if channels == 1 else np.repeat(mixed, channels, axis=1)


def samples_of(frame: AudioFrame) -> Samples:
    """A frame's sound, whatever the format of its samples."""
    kind, channels = frame.format.name.rstrip("p"), frame.layout.nb_channels
    array = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, channels)
    if kind == "s16":
        return array.astype(np.float32)
    if kind == "u8":
        return (array.astype(np.float32) - 128.0) * 256.0
    if kind in ("s32", "s64"):
        return (array * (_FULL_SCALE / 2.0 ** (int(kind[1:]) - 1))).astype(np.float32)
    floats = np.nan_to_num(array, nan=0.0, posinf=1.0, neginf=-1.0)
    scaled: Samples = (np.clip(floats, -8.0, 8.0) * _FULL_SCALE).astype(np.float32)
    return scaled


def audio_stream(container: InputContainer) -> AudioStream:
    """The first sound track. Raises NotAudio where there is none or nobody can decode it."""
    if not container.streams.audio:
        if container.streams.video:
            raise NotAudio("The film has no sound track.", "Send a file that has sound.")
        raise NotAudio("The file holds no sound.")
    stream: AudioStream = container.streams.audio[0]
    try:
        stream.codec_context.thread_count = 1  # threads do not make sound faster
    except (av.FFmpegError, AttributeError, RuntimeError):
        raise NotAudio("The sound is coded in a way that nobody here can decode.") from None
    return stream


def decode(
    container: InputContainer, stream: AudioStream, timeline: Timeline
) -> Iterator[AudioFrame]:
    """Every frame that can be decoded, in order; ``timeline`` is told about damage.

    Raises NotAudio where the sound is damaged beyond reading, TruncatedAudio where the
    container is.
    """
    broken = 0
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except AV_ERRORS:
            timeline.damaged = True
            broken += 1
            if broken > _MOST_BROKEN_PACKETS:
                raise NotAudio("The sound is damaged beyond reading.") from None
            continue
        for frame in frames:
            if isinstance(frame, AudioFrame) and frame.samples:
                _check_rate(frame.sample_rate)
                broken = 0
                yield frame


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    failures = 0
    while True:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except AV_ERRORS as error:
            failures += 1
            if failures > 3:
                raise TruncatedAudio(
                    "The file is damaged: it cannot be read to its end."
                ) from error


def _check_rate(rate: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise NotAudio(f"The sound has a sample rate of {rate} Hz, which no sound has.")
