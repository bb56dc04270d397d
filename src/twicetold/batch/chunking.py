"""Cuts one channel's sound into chunks for the batch engine. Sans-I/O, in constant memory.

Speech (what the activity detector hears, plus a little before and after) is gathered into
chunks of up to ``chunk_s``; what lies between is never sent to an engine. The bounds
depend on the sound and the settings alone, not on the size of the blocks it comes in, so
that a job that is tried again finds its finished chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twicetold.speech.activity import Ended, GateSettings, SpeechGate, Started, quietest

CHUNKER_VERSION = 4  # raise it with every change that moves a bound: old checkpoints then rest

_LONGEST_PAUSE_MS = 900  # waited for, for each second of a chunk's length


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """How a recording is cut; see the settings of the same names."""

    chunk_s: float = 30.0
    chunk_bytes: int = 0  # of a chunk's PCM at most; 0: whatever chunk_s comes to
    min_silence_ms: int = 500
    pre_roll_ms: int = 300
    post_roll_ms: int = 200  # at most min_silence_ms counts
    threshold: float = 0.5

    def most_samples(self, rate: int) -> int:
        """How long a chunk may be."""
        most = int(self.chunk_s * rate)
        return min(most, self.chunk_bytes // 2) if self.chunk_bytes else most


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of speech with its surroundings: samples of the recording, end exclusive.

    ``offset_samples`` is where it begins in its chunk's PCM.
    """

    start_sample: int
    end_sample: int
    offset_samples: int

    @property
    def samples(self) -> int:
        return self.end_sample - self.start_sample


@dataclass(frozen=True, slots=True)
class Chunk:
    """Sound for one call of the engine: mono PCM s16le, the regions one after the other.

    ``number`` is unique in the recording and grows with time within a channel.
    """

    number: int
    channel: int
    start_sample: int
    pcm: bytes
    rate: int
    regions: tuple[Region, ...]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate

    @property
    def start_s(self) -> float:
        return self.start_sample / self.rate


class ChunkPlanner:
    """One channel of ``channels``. Holds at most one chunk and what may become the next."""

    def __init__(
        self, channel: int, channels: int, rate: int, frame_samples: int, settings: ChunkingSettings
    ) -> None:
        self._channel, self._channels = channel, channels
        self._rate, self._frame = rate, frame_samples
        self._limit = settings.most_samples(rate)
        self._pre_roll = settings.pre_roll_ms * rate // 1000
        self._post_roll = min(settings.post_roll_ms, settings.min_silence_ms) * rate // 1000
        gate = GateSettings(
            threshold=settings.threshold,
            release=min(GateSettings().release, settings.threshold),
            # A pause that is waited for fits into a chunk, or it could fill one without speech.
            min_silence_ms=min(settings.min_silence_ms, int(settings.chunk_s * _LONGEST_PAUSE_MS)),
        )
        self._gate = SpeechGate(gate, frame_samples / rate)
        self._pcm = bytearray()
        self._pcm_start = 0  # the sample that _pcm begins with
        self._judged = 0
        self._floor = 0  # sound before it lies in a chunk already
        self._open: int | None = None  # first sample of the region that is being heard
        self._pending: list[tuple[int, bytes]] = []  # finished regions of the next chunk
        self._pending_samples = 0
        self._count = 0

    @property
    def held_from_sample(self) -> int:
        """Sound before it is in chunks that were emitted, or is no speech."""
        if self._pending:
            return self._pending[0][0]
        return self._judged if self._open is None else self._open

    def accept(self, pcm: bytes, probabilities: list[float]) -> list[Chunk]:
        """More sound and one probability per frame of it.

        Only the last piece of a recording may end within a frame. Returns the chunks
        that have become complete.
        """
        self._pcm += pcm
        end = self._pcm_start + len(self._pcm) // 2
        chunks: list[Chunk] = []
        for probability in probabilities:
            self._judged = min(self._judged + self._frame, end)
            for event in self._gate.accept(probability):
                if isinstance(event, Started):
                    self._begin(event.frame * self._frame)
                elif isinstance(event, Ended):
                    chunks += self._silence(event.frame * self._frame)
            chunks += self._settle()
        self._forget()
        return chunks

    def finish(self) -> list[Chunk]:
        """The recording is over: what is still held becomes chunks."""
        chunks: list[Chunk] = []
        for event in self._gate.flush():
            chunks += self._silence(event.frame * self._frame)
        return chunks + self._emit()

    def _begin(self, speech_sample: int) -> None:
        self._open = max(self._floor, speech_sample - self._pre_roll, self._pcm_start)

    def _silence(self, sample: int) -> list[Chunk]:
        """Nobody speaks since ``sample``."""
        if self._open is not None and sample <= self._open:
            self._open = None  # a monologue was cut within this pause: nothing came after the cut
            return []
        return self._end(sample + self._post_roll)

    def _end(self, sample: int) -> list[Chunk]:
        """The open region ends at ``sample``; it joins the pending ones if it fits."""
        if self._open is None:
            return []
        start, end = self._open, max(self._open, min(sample, self._judged))
        chunks = self._emit() if self._pending_samples + end - start > self._limit else []
        if end > start:
            self._pending.append((start, self._between(start, end)))
            self._pending_samples += end - start
        self._open, self._floor = None, end
        return chunks

    def _settle(self) -> list[Chunk]:
        """After each frame: emit what can grow no further, cut what has grown too long."""
        if self._open is None:
            # A long pause ends a chunk, so that none waits for the end of a silent recording.
            silent = self._judged - self._floor
            return self._emit() if self._pending and silent >= self._limit else []
        length = self._judged - self._open
        chunks = self._emit() if self._pending_samples + length > self._limit else []
        if length >= self._limit:
            chunks += self._cut()
        return chunks

    def _cut(self) -> list[Chunk]:
        """End a monologue at its quietest place in the second half; the rest goes on at once.

        A pause that is not over yet may be the region's end, and its sound then belongs to no
        chunk; or speech goes on, and all of it does. So the cut lies no later than the post-roll
        of such a pause, and what follows it is kept until the pause has shown what it is.
        """
        assert self._open is not None
        loudness = self._loudness(self._between(self._open, self._judged))
        # Speech that was long in doubt begins further back than the limit reaches.
        most = min(len(loudness), self._limit // self._frame + 1)
        frame = quietest(loudness, most // 2, most)
        cut = self._open + frame * self._frame
        pause = self._gate.silence_frames * self._frame  # that may yet end the region
        end = min(cut, self._judged - pause + self._post_roll) if pause else cut
        chunks = [*self._end(end), *self._emit()]
        self._open = end
        return chunks

    def _emit(self) -> list[Chunk]:
        if not self._pending:
            return []
        regions, offset = [], 0
        for start, pcm in self._pending:
            samples = len(pcm) // 2
            regions.append(Region(start, start + samples, offset))
            offset += samples
        chunk = Chunk(
            number=self._count * self._channels + self._channel,
            channel=self._channel,
            start_sample=regions[0].start_sample,
            pcm=b"".join(pcm for _, pcm in self._pending),
            rate=self._rate,
            regions=tuple(regions),
        )
        self._count += 1
        self._pending, self._pending_samples = [], 0
        return [chunk]

    def _between(self, start: int, end: int) -> bytes:
        return bytes(self._pcm[(start - self._pcm_start) * 2 : (end - self._pcm_start) * 2])

    def _loudness(self, pcm: bytes) -> list[float]:
        """Root mean square of each whole frame."""
        sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        whole = len(sound) // self._frame * self._frame
        frames = sound[:whole].reshape(-1, self._frame)
        return [float(value) for value in np.sqrt(np.mean(frames * frames, axis=1))]

    def _forget(self) -> None:
        """Drop sound that no chunk can ask for: speech is noticed within a second of its start."""
        keep = self._judged - self._pre_roll - self._rate if self._open is None else self._open
        surplus = max(keep, self._floor if self._open is None else 0) - self._pcm_start
        if surplus > self._rate // 2:
            del self._pcm[: surplus * 2]
            self._pcm_start += surplus
