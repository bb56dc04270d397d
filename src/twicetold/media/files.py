"""In the child: one file to PCM, in constant memory, and what is refused on the way.

FFmpeg reads through a file that is open already, may use no protocol, and is given a list
of formats: no upload can make it open another file or a network address.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from twicetold.errors import (
    DecoderFailed,
    EmptyAudio,
    NotAudio,
    RecordingNotFound,
    TruncatedAudio,
)
from twicetold.media import SoundInfo
from twicetold.media.decoding import (
    AV_ERRORS,
    PcmMaker,
    Timeline,
    audio_stream,
    decode,
    samples_of,
)
from twicetold.media.formats import DEMUXERS_BY_CONTENT, RAW_MULAW
from twicetold.media.messages import Kind, pack, pack_info
from twicetold.media.resampling import target_rate
from twicetold.media.sniffing import (
    HEAD_BYTES,
    beginning,
    check_complete,
    check_playlist,
    streamed_riff,
)

SILENT_PIECE_S = 1.0

_NAMES = {"matroska,webm": "matroska", "mov,mp4,m4a,3gp,3g2,mj2": "mp4"}
_CONTAINERS_WITH_SAMPLE_COUNTS = ("flac",)
_MISSING_S = 0.05


def send_file(path: Path, send: Callable[[bytes], None]) -> None:
    """Decode the file into messages. Raises the errors of ``Decoder.open_file`` and ``blocks``."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise EmptyAudio("The file is empty.")
        head = file.read(HEAD_BYTES)
        check_playlist(head)
        check_complete(file, size)
        form, options = container_options(path, file, size)
        file.seek(0)
        try:
            container = av.open(file, "r", form, options, metadata_errors="replace")
        except AV_ERRORS as error:
            raise _unreadable(head) from error
        with container:
            _send_track(container, send)


def _unreadable(head: bytes) -> NotAudio:
    name = beginning(head)
    if name is None:
        return NotAudio("The file is not sound in any format that is known here.")
    return NotAudio(
        f"The file begins as {name} does, but it cannot be read: it is damaged or cut short.",
        TruncatedAudio.default_hint,
    )


def open_regular(path: Path) -> BinaryIO:
    """Raises RecordingNotFound, NotAudio for what is no file, DecoderFailed for what is closed."""
    try:
        # Not blocking: a pipe without a writer would wait here for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RecordingNotFound(f"There is no file {path.name}.", "Check the path.") from None
    except OSError as error:
        raise DecoderFailed(f"{path.name} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAudio(f"{path.name} is not a file.")
    return os.fdopen(descriptor, "rb")


def container_options(path: Path, file: BinaryIO, size: int) -> tuple[str | None, dict[str, str]]:
    """The format, where its bytes cannot tell it, and what FFmpeg may do with the file."""
    options = {"format_whitelist": ",".join(DEMUXERS_BY_CONTENT), "protocol_whitelist": "none"}
    file.seek(0)
    head = file.read(4)
    if path.suffix.lower() in RAW_MULAW.media_types and head not in (b"RIFF", b".snd"):
        return "mulaw", {**options, "format_whitelist": "mulaw", "sample_rate": "8000"}
    if streamed_riff(file, size):
        options["ignore_length"] = "1"
    return None, options


def _send_track(container: InputContainer, send: Callable[[bytes], None]) -> None:
    stream = audio_stream(container)
    timeline = Timeline(None if container.start_time is None else container.start_time / 1e6)
    frames = decode(container, stream, timeline)
    first = next(frames, None)
    if first is None:
        if timeline.damaged:
            raise NotAudio("No part of the file's sound can be decoded.")
        raise EmptyAudio("The file holds no sound.")
    info = describe(container, stream, first)
    send(pack_info(info))
    samples = 0
    for block in _blocks(info, _chained(first, frames), timeline):
        samples += len(block) // (2 * info.channels)
        send(pack(Kind.PCM, block))
    _check_count(info, samples / info.rate)
    send(pack(Kind.END))


def describe(container: InputContainer, stream: AudioStream, first: AudioFrame) -> SoundInfo:
    """What the file holds; rate and channels are those of its first frame."""
    name = container.format.name
    channels = first.layout.nb_channels
    length_s = None
    if stream.duration and stream.time_base:
        length_s = float(stream.duration * stream.time_base)
    elif container.duration:
        length_s = container.duration / 1e6
    return SoundInfo(
        container=_NAMES.get(name, name),
        codec=stream.codec_context.codec.canonical_name,
        source_rate=first.sample_rate,
        source_channels=channels,
        rate=target_rate(first.sample_rate),
        channels=channels if channels <= 2 else 1,
        length_s=length_s,
    )


def _chained(first: AudioFrame, rest: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    yield first
    yield from rest


def _blocks(info: SoundInfo, frames: Iterator[AudioFrame], timeline: Timeline) -> Iterator[bytes]:
    """PCM in blocks of a second; the last one is shorter."""
    block_bytes = info.rate * info.channels * 2
    pending = bytearray()
    for pcm in _pcm(PcmMaker(info.rate, info.channels), frames, timeline):
        pending += pcm
        while len(pending) >= block_bytes:
            yield bytes(pending[:block_bytes])
            del pending[:block_bytes]
    if pending:
        yield bytes(pending)


def _pcm(maker: PcmMaker, frames: Iterator[AudioFrame], timeline: Timeline) -> Iterator[bytes]:
    for frame in frames:
        rate = frame.sample_rate
        missing = round(timeline.gap_s(frame) * rate)
        timeline.advance((missing + frame.samples) / rate)
        while missing:
            piece = min(missing, round(SILENT_PIECE_S * rate))
            yield maker.add(np.zeros((piece, maker.channels), np.float32), rate)
            missing -= piece
        yield maker.add(samples_of(frame), rate)
    yield maker.finish()


def _check_count(info: SoundInfo, decoded_s: float) -> None:
    """Where a container counts its samples, all of them must have come."""
    if info.container not in _CONTAINERS_WITH_SAMPLE_COUNTS or info.length_s is None:
        return
    if decoded_s < info.length_s - _MISSING_S:
        raise TruncatedAudio(
            f"The file is cut short: it declares {info.length_s:.1f} s and ends after "
            f"{decoded_s:.1f} s."
        )
