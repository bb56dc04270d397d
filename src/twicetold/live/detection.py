"""Has sound judged by the activity detector, in a thread where that takes long."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from twicetold.engines import ActivityState, VoiceActivity

_THREADS = 2


class Detector:
    """One shared model; the state of a channel stays with its call."""

    def __init__(self, activity: VoiceActivity) -> None:
        self._activity = activity
        self._pool = ThreadPoolExecutor(_THREADS, "activity") if activity.blocking else None

    def start(self, rate: int, channels: int) -> list[ActivityState]:
        """One state a channel."""
        return [self._activity.start(rate) for _ in range(channels)]

    def frame_samples(self, rate: int) -> int:
        return self._activity.frame_samples(rate)

    async def judge(self, states: list[ActivityState], frames: list[bytes]) -> list[list[float]]:
        """Per channel, one probability a frame; ``states`` are moved on."""
        if self._pool is None:
            return self._judge(states, frames)
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._judge, states, frames
        )

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _judge(self, states: list[ActivityState], frames: list[bytes]) -> list[list[float]]:
        judged: list[list[float]] = []
        for channel, pcm in enumerate(frames):
            probabilities: list[float] = []
            if pcm:
                probabilities, states[channel] = self._activity.probabilities(states[channel], pcm)
            judged.append(probabilities)
        return judged
