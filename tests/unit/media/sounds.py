"""Sounds made in the tests themselves, in any container and codec that PyAV writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]  # (samples, channels)


def sweep(seconds: float, rate: int, channels: int = 1) -> Samples:
    """A tone that rises from 300 to 1,500 Hz and back each second; channels differ by pitch."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (900 * time - 600 / (2 * np.pi) * np.sin(2 * np.pi * time))
    tones = [8000 * np.sin(phase * (1 + 0.3 * channel)) for channel in range(channels)]
    return np.stack(tones, axis=1).astype(np.int16)


def write_sound(
    path: Path,
    samples: Samples,
    rate: int,
    codec: str,
    options: dict[str, str] | None = None,
    video: bool = False,
    begins_s: float = 0.0,
) -> None:
    """Encode ``samples``; ``video`` adds a second of film before it in the list of streams.

    ``begins_s``: the time stamp of the first sample.
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    with av.open(str(path), "w", options=options or {}) as output:
        pictures: Any = output.add_stream("mpeg4", rate=10) if video else None
        if video:
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
        coding = {"strict": "experimental"} if codec == "vorbis" else {}
        stream: Any = output.add_stream(codec, rate=rate, layout=layout, options=coding)
        if video:
            for number in range(10):
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts = number
                output.mux(pictures.encode(picture))
            output.mux(pictures.encode(None))
        for first in range(0, len(samples), 960):
            piece = np.ascontiguousarray(samples[first : first + 960])
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate, first + round(begins_s * rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


class _Pipe:
    """Collects what is written, and cannot go back: as MediaRecorder writes."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


PIECE_S = 0.06


def stream_pieces(container: str, samples: Samples) -> list[bytes]:
    """An Opus stream of sound at 48 kHz: what a live encoder has sent after each 60 ms of it.

    Pages (ogg) and clusters (webm) are 60 ms long; the last piece is what remained at the end.
    """
    rate, pipe, pieces = 48_000, _Pipe(), []
    options = {"live": "1", "cluster_time_limit": "60", "page_duration": "60000"}
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    options = {key: options[key] for key in _MUXER_OPTIONS[container]}
    with av.open(pipe, "w", format=container, options=options) as output:
        stream: Any = output.add_stream("libopus", rate=rate, layout=layout)
        for first in range(0, len(samples), 960):
            piece = np.ascontiguousarray(samples[first : first + 960])
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate, first
            output.mux(stream.encode(frame))
            if (first + 960) % round(PIECE_S * rate) == 0:
                pieces.append(bytes(pipe.written))
                pipe.written.clear()
        output.mux(stream.encode(None))
    return [*pieces, bytes(pipe.written)]


_MUXER_OPTIONS = {"webm": ("live", "cluster_time_limit"), "ogg": ("page_duration",)}


def write_film_without_sound(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(10):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


async def all_of(blocks: AsyncIterator[bytes]) -> bytes:
    return b"".join([block async for block in blocks])


def as_samples(pcm: bytes, channels: int = 1) -> Samples:
    return np.frombuffer(pcm, "<i2").reshape(-1, channels)


def likeness(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """The correlation of two sounds over what they have in common, without any shift."""
    length = min(len(one), len(other))
    a, b = one[:length].astype(np.float64), other[:length].astype(np.float64)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
