"""Sounds made in the tests themselves, in any container and codec that PyAV writes."""

from __future__ import annotations

import io
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
    target: Path | io.BytesIO | Any,
    samples: Samples,
    rate: int,
    codec: str,
    container: str | None = None,
    options: dict[str, str] | None = None,
    video: bool = False,
) -> None:
    """Encode ``samples``; ``video`` adds a second of film before it in the list of streams."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    name = str(target) if isinstance(target, Path) else target
    with av.open(name, "w", format=container, options=options or {}) as output:
        pictures: Any = output.add_stream("mpeg4", rate=10) if video else None
        if video:
            pictures.width = pictures.height = 64
            pictures.pix_fmt = "yuv420p"
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        if video:
            for number in range(10):
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts = number
                output.mux(pictures.encode(picture))
            output.mux(pictures.encode(None))
        for first in range(0, len(samples), 960):
            piece = np.ascontiguousarray(samples[first : first + 960])
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate, first
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


class _Pipe:
    """Collects what is written, and cannot go back: as MediaRecorder writes."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)


def stream_pieces(container: str, samples: Samples, rate: int = 48_000) -> list[bytes]:
    """The pages (ogg) or clusters (webm) of an Opus stream of 60 ms each, header first."""
    pipe = _Pipe()
    options = (
        {"live": "1", "cluster_time_limit": "60"}
        if container == "webm"
        else {"page_duration": "60000"}
    )
    write_sound(pipe, samples, rate, "libopus", container, options)
    return pipe.pieces


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
