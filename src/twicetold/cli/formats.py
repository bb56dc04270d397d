"""A tone in every format that recordings come in, to try the decoder with."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

_RATE = 16_000
_LENGTH_S = 0.5

# suffix: container, codec, sample rate (opus knows no 16,000 in every build)
FORMATS: dict[str, tuple[str, str, int]] = {
    ".wav": ("wav", "pcm_s16le", _RATE),
    ".mp3": ("mp3", "libmp3lame", _RATE),
    ".flac": ("flac", "flac", _RATE),
    ".ogg": ("ogg", "libopus", 48_000),
    ".webm": ("webm", "libopus", 48_000),
    ".m4a": ("mp4", "aac", _RATE),
    ".mkv": ("matroska", "aac", _RATE),
    ".ulaw.wav": ("wav", "pcm_mulaw", 8_000),
}


def write_tone(path: Path) -> None:
    """Half a second of 440 Hz in the format of the file's suffix. Blocks."""
    container_name, codec, rate = FORMATS["".join(path.suffixes)]
    times = np.arange(int(rate * _LENGTH_S)) / rate
    tone = (8_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16).reshape(1, -1)
    with av.open(str(path), "w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(stream.format, "mono", rate)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for converted in [*resampler.resample(frame), None]:
            container.mux(stream.encode(converted))
