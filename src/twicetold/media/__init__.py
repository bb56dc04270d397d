"""The media port: bytes of any container to PCM, in a process that may die without us.

PCM is s16le, interleaved, one or two channels, at 8,000 Hz where the source has 8,000
and at 16,000 Hz otherwise. Sound with more than two channels is mixed down to one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What a file or stream holds, and the PCM layout that decoding it gives.

    ``length_s`` is what the container declares, None where it declares nothing.
    """

    container: str
    codec: str
    source_rate: int
    source_channels: int
    rate: int
    channels: int
    length_s: float | None


class FileDecoding(Protocol):
    """One file being decoded, from its beginning, in constant memory."""

    @property
    def info(self) -> SoundInfo: ...

    def blocks(self) -> AsyncIterator[bytes]:
        """PCM in pieces of about a second. Raises NotAudio, TruncatedAudio or DecoderFailed
        where the sound cannot be read on."""

    async def aclose(self) -> None: ...


class StreamDecoding(Protocol):
    """A live container stream (webm/opus, ogg/opus) being decoded as it comes."""

    async def feed(self, data: bytes) -> bytes:
        """PCM that has become available, perhaps none. Raises NotAStreamStart or NotAudio."""

    async def finish(self) -> bytes:
        """The rest of the PCM; the stream is over."""

    async def aclose(self) -> None: ...


class Decoder(Protocol):
    async def open_file(self, path: Path) -> FileDecoding:
        """Raises NotAudio, TruncatedAudio, EmptyAudio or PlaylistRefused, with the reason."""

    async def open_stream(self, container: str, channels: int) -> StreamDecoding:
        """``container`` is "webm" or "ogg"; ``channels`` is 1 or 2 (mixed or doubled to fit).
        PCM comes at 16,000 Hz."""

    async def aclose(self) -> None: ...
