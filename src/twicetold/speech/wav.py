"""The head of a PCM WAV file, RF64 where the sizes outgrow 32 bits (EBU Tech 3306)."""

from __future__ import annotations

import struct

_LARGEST_32_BIT = 0xFFFFFFFF
_RIFF_OVERHEAD = 36  # what RIFF's size counts besides the samples
_RF64_OVERHEAD = 72


def wav_head(rate: int, channels: int, data_bytes: int) -> bytes:
    """The bytes before the samples of a file with ``data_bytes`` of interleaved PCM s16le."""
    frame_bytes = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame_bytes, frame_bytes, 16)
    if data_bytes + _RIFF_OVERHEAD <= _LARGEST_32_BIT:
        return b"".join(
            (
                struct.pack("<4sI4s", b"RIFF", _RIFF_OVERHEAD + data_bytes, b"WAVE"),
                struct.pack("<4sI", b"fmt ", len(form)) + form,
                struct.pack("<4sI", b"data", data_bytes),
            )
        )
    sizes = struct.pack(
        "<QQQI", _RF64_OVERHEAD + data_bytes, data_bytes, data_bytes // frame_bytes, 0
    )
    return b"".join(
        (
            struct.pack("<4sI4s", b"RF64", _LARGEST_32_BIT, b"WAVE"),
            struct.pack("<4sI", b"ds64", len(sizes)) + sizes,
            struct.pack("<4sI", b"fmt ", len(form)) + form,
            struct.pack("<4sI", b"data", _LARGEST_32_BIT),
        )
    )
