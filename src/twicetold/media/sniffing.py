"""What the first bytes of a file say: whether it is a playlist, and whether it is all there.

FFmpeg plays a file that ends early to where it ends, without a word. So sizes that a
container declares are compared with the file first: RIFF and RF64 (EBU Tech 3306), W64, AU,
AIFF, MP4 boxes (ISO 14496-12), Matroska's segment (RFC 9559), and the Xing header of an MP3.
Ogg, ADTS, MP3 without Xing and recordings that were streamed declare nothing: they end
where they end. FLAC declares samples, which the decoder counts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from twicetold.errors import PlaylistRefused, TruncatedAudio

HEAD_BYTES = 4096

_PLAYLISTS = (
    b"ffconcat",
    b"#extm3u",
    b"#ext-x-",
    b"[playlist]",
    b"[reference]",
    b"<asx",
    b"<smil",
    b"<mpd",
    b"<smoothstreamingmedia",
    b"rtsptext",
    b"v=0\r\no=",
    b"v=0\no=",
)
_STREAMED_RIFF = 0x7FFFF000  # sox and FFmpeg write this or more where they cannot seek back
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_MP4_FIRST_BOXES = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx"}
_MARKS = (
    ("WAV", b"WAVE"),
    ("W64", _W64_RIFF[:8]),
    ("AU", b".snd"),
    ("AIFF", b"AIF"),
    ("FLAC", b"fLaC"),
    ("Ogg", b"OggS"),
    ("MP4", b"ftyp"),
    ("Matroska", b"\x1a\x45\xdf\xa3"),
    ("MP3", b"ID3"),
)
_MOST_PARTS = 100_000  # boxes or chunks that are looked at in one file


def check_playlist(head: bytes) -> None:
    """Raises PlaylistRefused where ``head``, the beginning of a file, is that of a playlist."""
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").replace(b"\0", b"").lower()
    if text.startswith(_PLAYLISTS) or (
        text.startswith(b"<?xml") and any(name in text for name in (b"<mpd", b"<smil", b"<asx"))
    ):
        raise PlaylistRefused("The file is a playlist: it names other files and holds no sound.")


def check_complete(file: BinaryIO, size: int) -> None:
    """Raises TruncatedAudio where the file declares more bytes than it has. Moves its position."""
    file.seek(0)
    head = file.read(64)
    for knows, check in _CHECKS:
        if knows(head):
            check(file, size)
            return


def beginning(head: bytes) -> str | None:
    """The container whose mark ``head`` carries, if it is one that is read here."""
    return next((name for name, mark in _MARKS if mark in head[:12]), None)


def streamed_riff(file: BinaryIO, size: int) -> bool:
    """Whether this is a RIFF file whose writer did not know how long it would become."""
    file.seek(0)
    head = file.read(12)
    if not (head.startswith(b"RIFF") and head[8:12] == b"WAVE"):
        return False
    return any(
        name == b"data" and _is_streamed(start, declared, size)
        for name, start, declared in _riff_chunks(file, size)
    )


def _need(size: int, end: int) -> None:
    if end > size:
        raise TruncatedAudio(
            f"The file is cut short: it declares {end:,} bytes and has {size:,} of them."
        )


# --- RIFF, RF64 ---------------------------------------------------------------------------------


def _riff_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte of the content, and declared length of each chunk, up to ``data``."""
    position = 12
    for _ in range(_MOST_PARTS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        name, declared = struct.unpack("<4sI", head)
        yield name, position + 8, declared
        if name == b"data":
            return
        position += 8 + declared + declared % 2


def _is_streamed(start: int, declared: int, size: int) -> bool:
    return (declared == 0 and size > start) or (
        declared >= _STREAMED_RIFF and start + declared > size
    )


def _check_riff(file: BinaryIO, size: int) -> None:
    file.seek(0)
    large = file.read(4) in (b"RF64", b"BW64")
    data_bytes = None
    for name, start, declared in _riff_chunks(file, size):
        if name == b"ds64" and large:
            file.seek(start)
            sizes = file.read(24)
            if len(sizes) == 24:
                data_bytes = struct.unpack("<QQQ", sizes)[1]
        elif name == b"data":
            if large and declared == 0xFFFFFFFF:
                _need(size, start + (data_bytes or 0))
            elif not _is_streamed(start, declared, size):
                _need(size, start + declared)
            return
    if size < 44:
        raise TruncatedAudio("The file is cut short within its header.")


# --- W64, AU, AIFF ------------------------------------------------------------------------------


def _check_w64(file: BinaryIO, size: int) -> None:
    position = 40
    for _ in range(_MOST_PARTS):
        file.seek(position)
        head = file.read(24)
        if len(head) < 24:
            return
        declared = int(struct.unpack("<Q", head[16:])[0])
        if head[:16] == _W64_DATA:
            _need(size, position + declared)
            return
        position += max(24, (declared + 7) // 8 * 8)
        _need(size, position)


def _check_au(file: BinaryIO, size: int) -> None:
    file.seek(4)
    start, declared = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    if declared != 0xFFFFFFFF:
        _need(size, start + declared)


def _check_aiff(file: BinaryIO, size: int) -> None:
    file.seek(4)
    _need(size, 8 + int(struct.unpack(">I", file.read(4).ljust(4, b"\0"))[0]))


# --- MP4 ----------------------------------------------------------------------------------------


def _check_mp4(file: BinaryIO, size: int) -> None:
    position, names = 0, set()
    for _ in range(_MOST_PARTS):
        if position >= size:
            break
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            _need(size, position + 8)
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = int(struct.unpack(">Q", head[8:])[0])
        elif length == 0:
            length = size - position  # up to the end of the file
        if length < 8 or not name.replace(b"\xa9", b"").isalnum():
            break  # not a box: what comes after the last one is nobody's business
        names.add(name)
        _need(size, position + length)
        position += length
    if not names & {b"moov", b"moof"}:
        raise TruncatedAudio(
            "The file has no index (moov): its recording was cut off before it was finished."
        )


# --- Matroska -----------------------------------------------------------------------------------


def _check_matroska(file: BinaryIO, size: int) -> None:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    try:
        header = read_element(head, 0)
        if header is None or header[1] is None:
            return
        segment = read_element(head, header[2] + header[1])
    except ValueError:
        return  # FFmpeg will say what it is
    if segment is not None and segment[0] == _SEGMENT and segment[1] is not None:
        _need(size, segment[2] + segment[1])


def read_element(data: bytes, position: int) -> tuple[int, int | None, int] | None:
    """An EBML element's id, length (None: unknown) and where its content begins (RFC 8794).

    None where ``data`` ends within them. Raises ValueError where no element can be.
    """
    identity = _vint(data, position, longest=4)
    if identity is None:
        return None
    number, width = identity
    length = _vint(data, position + width, longest=8)
    if length is None:
        return None
    value = length[0] & ~(1 << 7 * length[1])
    unknown = value == (1 << 7 * length[1]) - 1
    return number, None if unknown else value, position + width + length[1]


def _vint(data: bytes, position: int, longest: int) -> tuple[int, int] | None:
    """A variable-length integer with its marker bit, and its width."""
    if position >= len(data):
        return None
    width = 9 - data[position].bit_length()
    if width > longest:
        raise ValueError("no EBML element begins here")
    if position + width > len(data):
        return None
    return int.from_bytes(data[position : position + width], "big"), width


# --- MP3 ----------------------------------------------------------------------------------------


def _check_mp3(file: BinaryIO, size: int) -> None:
    file.seek(0)
    start = 0
    tag = file.read(10)
    if tag.startswith(b"ID3") and len(tag) == 10:
        start = 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    file.seek(start)
    frame = file.read(HEAD_BYTES)
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return
    mpeg1, mono = frame[1] & 0x18 == 0x18, frame[3] >> 6 == 3
    xing = 4 + ((17 if mono else 32) if mpeg1 else (9 if mono else 17))
    if frame[xing : xing + 4] not in (b"Xing", b"Info") or len(frame) < xing + 16:
        return
    flags = frame[xing + 7]
    place = xing + 8 + (4 if flags & 1 else 0)
    if flags & 2:
        _need(size, start + int(struct.unpack(">I", frame[place : place + 4])[0]))


_CHECKS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], None]], ...] = (
    (lambda head: head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE", _check_riff),
    (lambda head: head[:16] == _W64_RIFF, _check_w64),
    (lambda head: head[:4] == b".snd", _check_au),
    (lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"), _check_aiff),
    (lambda head: head[4:8] in _MP4_FIRST_BOXES, _check_mp4),
    (lambda head: head[:4] == _EBML.to_bytes(4, "big"), _check_matroska),
    (lambda head: head[:3] == b"ID3" or head[:1] == b"\xff", _check_mp3),
)
