"""PCM of any usual rate to the two rates that everything else works with, a piece at a time.

Fast enough for the event loop: 12 to 39 µs for 200 ms of sound.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

USUAL_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
QUALITY = "HQ"


def target_rate(input_rate: int) -> int:
    """8,000 Hz stays 8,000 Hz (there is nothing to be won), all else becomes 16,000 Hz."""
    return 8_000 if input_rate == 8_000 else 16_000


class Resampler:
    """A stream of PCM s16le, channels interleaved, to ``rate``.

    However the sound is cut into pieces, the result is the same, to the bit: of N samples
    a channel it has round(N * rate / input_rate). A little is kept back until ``finish``.
    """

    def __init__(self, input_rate: int, channels: int) -> None:
        self.rate = target_rate(input_rate)
        self._channels = channels
        self._stream = (
            soxr.ResampleStream(input_rate, self.rate, channels, dtype="float32", quality=QUALITY)
            if input_rate != self.rate
            else None
        )

    def process(self, pcm: bytes) -> bytes:
        """What has become available. Raises ValueError where ``pcm`` is no whole frames."""
        return self._resample(pcm, last=False) if self._stream is not None else pcm

    def finish(self) -> bytes:
        """The rest; the stream is over."""
        return self._resample(b"", last=True) if self._stream is not None else b""

    def _resample(self, pcm: bytes, *, last: bool) -> bytes:
        assert self._stream is not None
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        if self._channels > 1:
            samples = samples.reshape(-1, self._channels)
        return to_pcm(self._stream.resample_chunk(samples, last=last))


def to_pcm(samples: npt.NDArray[np.float32]) -> bytes:
    """s16le of samples with ±32768 as full scale, rounded, clipped; ``samples`` is overwritten.

    soxr itself would dither 16-bit output, and so give other bits for other cuts.
    """
    np.rint(samples, out=samples)
    np.clip(samples, -32768, 32767, out=samples)
    return samples.astype("<i2").tobytes()


def _expand_mulaw() -> npt.NDArray[np.int16]:
    """The 256 values of G.711's μ-law, as 14-bit values shifted to 16 bits."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = ((code & 0x70) >> 4).astype(np.int32)
    magnitude = ((((code & 0x0F).astype(np.int32) << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype("<i2")


_MULAW = _expand_mulaw()


def mulaw_to_pcm(data: bytes) -> bytes:
    """PCM s16le of G.711 μ-law, one byte a sample."""
    return _MULAW[np.frombuffer(data, np.uint8)].tobytes()
