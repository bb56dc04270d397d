"""From a client's audio to the PCM that the broker carries, and what of it may be acknowledged.

A message may be acknowledged once the PCM of all its sound is out: a resampler keeps a
little back, and a resumed call starts a fresh one exactly where the acknowledged sound ends.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from twicetold.gateway.live_protocol import Encoding, LiveRequest
from twicetold.media import Decoder, StreamDecoding
from twicetold.media.resampling import Resampler, mulaw_to_pcm

_CONTAINER_LAG_MESSAGES = 2  # a demuxer may keep the end of a message until the next one


class Intake(Protocol):
    """One connection's decoder. Samples are counted per channel, from the connection's first."""

    @property
    def rate(self) -> int: ...

    @property
    def seamless(self) -> bool:
        """Whether a resumed call goes on without a gap."""

    async def feed(self, seq: int, audio: bytes) -> bytes:
        """PCM s16le that has become available with message ``seq``."""

    async def finish(self) -> bytes:
        """The rest of the PCM."""

    def covered(self, published_samples: int) -> tuple[int, int] | None:
        """(next_seq, samples) up to which all sound is published, if that has moved."""

    async def aclose(self) -> None: ...


async def open_intake(request: LiveRequest, decoder: Decoder) -> Intake:
    """The intake for a request's encoding."""
    if request.encoding.container:
        stream = await decoder.open_stream(request.encoding, request.channels)
        return ContainerIntake(stream, request.channels)
    return SampleIntake(request)


class SampleIntake:
    """PCM and μ-law: every message is so many samples, so a resumed call has no gap."""

    seamless = True

    def __init__(self, request: LiveRequest) -> None:
        self._resampler = Resampler(request.sample_rate, request.channels)
        self.rate: int = self._resampler.rate
        self._mulaw = request.encoding is Encoding.MULAW
        self._input_rate, self._channels = request.sample_rate, request.channels
        self._fed_frames = 0
        self._open: deque[tuple[int, int]] = deque()  # next_seq, the samples that cover it

    async def feed(self, seq: int, audio: bytes) -> bytes:
        pcm = mulaw_to_pcm(audio) if self._mulaw else audio
        self._fed_frames += len(pcm) // (2 * self._channels)
        self._open.append((seq + 1, self._fed_frames * self.rate // self._input_rate))
        return self._resampler.process(pcm)

    async def finish(self) -> bytes:
        return self._resampler.finish()

    def covered(self, published_samples: int) -> tuple[int, int] | None:
        reached: tuple[int, int] | None = None
        while self._open and self._open[0][1] <= published_samples:
            reached = self._open.popleft()
        return reached

    async def aclose(self) -> None:
        """Nothing to give back."""


class ContainerIntake:
    """webm and ogg: what a message holds shows only in what comes out of the decoder."""

    rate = 16_000
    seamless = False

    def __init__(self, stream: StreamDecoding, channels: int) -> None:
        self._stream, self._channels = stream, channels
        self._samples = 0
        self._lag = _CONTAINER_LAG_MESSAGES
        self._open: deque[tuple[int, int]] = deque()

    async def feed(self, seq: int, audio: bytes) -> bytes:
        pcm = await self._stream.feed(audio) if audio else b""
        self._samples += len(pcm) // (2 * self._channels)
        self._open.append((seq + 1, self._samples))
        return pcm

    async def finish(self) -> bytes:
        self._lag = 0
        return await self._stream.finish()

    def covered(self, published_samples: int) -> tuple[int, int] | None:
        reached: tuple[int, int] | None = None
        while len(self._open) > self._lag and self._open[0][1] <= published_samples:
            reached = (self._open.popleft()[0], published_samples)
        return reached

    async def aclose(self) -> None:
        await self._stream.aclose()
