"""From decoded PCM to chunks: apart by channel, one voice where two channels are the same sound,
gated by the activity detector. Sans-I/O, but the detector computes: run it in a thread.
"""

from __future__ import annotations

import numpy as np

from twicetold.batch.chunking import Chunk, ChunkingSettings, ChunkPlanner
from twicetold.batch.diarizing import ByVoice
from twicetold.engines import ActivityState, VoiceActivity
from twicetold.media.dual_mono import same_sound


class Listener:
    """One recording. Not for two threads at once.

    Sound is judged in blocks of about a second, whatever pieces it comes in, so that the
    chunks depend on the recording alone.
    """

    def __init__(
        self,
        activity: VoiceActivity,
        rate: int,
        channels: int,
        settings: ChunkingSettings,
        by_voice: ByVoice | None = None,
    ) -> None:
        """``by_voice`` hears the first channel, until another turns out to differ from it. Raises
        UnsupportedRate."""
        self._by_voice = by_voice
        if by_voice is not None:
            by_voice.start(rate, activity.frame_s, channels)
        self._rate, self._channels, self._activity = rate, channels, activity
        self._frame = activity.frame_samples(rate)
        self._block_bytes = round(rate / self._frame) * self._frame * 2 * channels
        self._states: list[ActivityState] = [activity.start(rate) for _ in range(channels)]
        self._planners = [
            ChunkPlanner(channel, channels, rate, self._frame, settings)
            for channel in range(channels)
        ]
        self._waiting = bytearray()
        self._heard_bytes = 0
        self._same = False
        self._ever_apart = False

    @property
    def heard_s(self) -> float:
        """Length of the sound heard so far."""
        return (self._heard_bytes + len(self._waiting)) / (2 * self._channels) / self._rate

    @property
    def held_from_s(self) -> float:
        """Sound before it is in chunks that were handed out, or is no speech."""
        return min(planner.held_from_sample for planner in self._planners) / self._rate

    @property
    def voices(self) -> int:
        """Channels that differ: 1 where two have been the same sound all along."""
        return self._channels if self._ever_apart or not self._same else 1

    def hear(self, pcm: bytes) -> list[Chunk]:
        """More interleaved PCM; returns the chunks that have become complete."""
        self._waiting += pcm
        chunks: list[Chunk] = []
        while len(self._waiting) >= self._block_bytes:
            block = bytes(self._waiting[: self._block_bytes])
            del self._waiting[: self._block_bytes]
            chunks += self._judge(block)
        return chunks

    def finish(self) -> list[Chunk]:
        """The recording is over: the rest of its chunks."""
        whole = len(self._waiting) // (2 * self._channels) * 2 * self._channels
        chunks = self._judge(bytes(self._waiting[:whole])) if whole else []
        self._waiting.clear()
        for planner in self._planners:
            chunks += planner.finish()
        return chunks

    def _judge(self, block: bytes) -> list[Chunk]:
        self._heard_bytes += len(block)
        self._compare(block)
        interleaved = np.frombuffer(block, dtype="<i2").reshape(-1, self._channels)
        chunks: list[Chunk] = []
        for channel, planner in enumerate(self._planners):
            if channel and self._same:
                chunks += self._mute(channel, len(interleaved))
                continue
            pcm = interleaved[:, channel].tobytes()
            probabilities, state = self._activity.probabilities(
                self._states[channel], self._padded(pcm)
            )
            self._states[channel] = state
            if channel == 0 and self._by_voice is not None:
                self._by_voice.hear(pcm, probabilities)
            chunks += planner.accept(pcm, probabilities)
        return chunks

    def _compare(self, block: bytes) -> None:
        """Whether the channels are the same sound; a block that cannot tell changes nothing."""
        if self._channels != 2:
            return
        same = same_sound(block)
        if same is not None:
            self._same = same
            self._ever_apart = self._ever_apart or not same
            if self._ever_apart and self._by_voice is not None:
                self._by_voice.drop()

    def _mute(self, channel: int, samples: int) -> list[Chunk]:
        """Everything that this channel says is heard on the other one."""
        self._states[channel] = self._activity.start(self._rate)
        frames = -(-samples // self._frame)
        return self._planners[channel].accept(bytes(2 * samples), [0.0] * frames)

    def _padded(self, pcm: bytes) -> bytes:
        """Whole frames: the last of a recording is filled up with silence."""
        return pcm + bytes(-len(pcm) % (2 * self._frame))
