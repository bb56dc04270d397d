"""Whether the bytes of a live stream are those of its container, told before FFmpeg sees them.

FFmpeg looks for the next thing it knows when it meets junk, and so would wait in silence
where a client should be told. Ogg: RFC 3533 and RFC 7845; WebM: RFC 8794 and RFC 9559.
"""

from __future__ import annotations

from typing import Protocol

from twicetold.errors import NotAStreamStart, NotAudio
from twicetold.media.sniffing import read_element

_EBML_MAGIC = b"\x1a\x45\xdf\xa3"
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_LEVEL_1 = {
    0x114D9B74,  # SeekHead
    0x1549A966,  # Info
    0x1654AE6B,  # Tracks
    0x1C53BB6B,  # Cues
    0x1043A770,  # Chapters
    0x1941A469,  # Attachments
    0x1254C367,  # Tags
}
_IN_CLUSTER = {0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0xAF, 0x5854}
_ANYWHERE = {0xEC, 0xBF}  # Void, CRC-32
_KNOWN = _LEVEL_1 | _IN_CLUSTER | _ANYWHERE
_LONGEST_ELEMENT_HEAD = 12

_OGG_MAGIC = b"OggS"
_OGG_HEAD_BYTES = 27
_FIRST_PAGE = 0x02


class Walker(Protocol):
    def feed(self, data: bytes) -> None:
        """Look at the next bytes. Raises NotAudio where they cannot be of the container."""


class StreamStart:
    """Looks at the first bytes of a stream until they have shown what they are."""

    def __init__(self, container: str) -> None:
        self._check = _starts_webm if container == "webm" else _starts_ogg
        self._head: bytes | None = b""

    def feed(self, data: bytes) -> None:
        """Raises NotAStreamStart as soon as the stream cannot be one from its beginning."""
        if self._head is None:
            return
        self._head += data[: 512 - len(self._head)]
        if self._check(self._head):
            self._head = None


def _starts_webm(head: bytes) -> bool:
    if not _EBML_MAGIC.startswith(head[:4]):
        raise NotAStreamStart("The stream does not begin with a WebM header.")
    return len(head) >= 4


def _starts_ogg(head: bytes) -> bool:
    """Whether this is proved to begin an Ogg stream of Opus; False while it may still be one."""
    if not _OGG_MAGIC.startswith(head[:4]) or (len(head) > 5 and not head[5] & _FIRST_PAGE):
        raise NotAStreamStart("The stream does not begin with the first page of an Ogg stream.")
    if len(head) < _OGG_HEAD_BYTES:
        return False
    packet = head[_OGG_HEAD_BYTES + head[26] :][:8]
    if not b"OpusHead".startswith(packet):
        raise NotAudio(
            "The Ogg stream does not begin with Opus.", "Send Opus in Ogg, or encoding=pcm_s16le."
        )
    return len(packet) == 8


def walker(container: str) -> Walker:
    return WebmWalker() if container == "webm" else OggWalker()


class OggWalker:
    """Goes from page to page."""

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0

    def feed(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            needed = self._head_bytes() - len(self._head)
            self._head += data[position : position + needed]
            position += needed
            if not _OGG_MAGIC.startswith(self._head[:4]):
                raise NotAudio("The stream holds bytes that are no Ogg page.")
            if len(self._head) >= _OGG_HEAD_BYTES and len(self._head) == self._head_bytes():
                self._skip = sum(self._head[_OGG_HEAD_BYTES:])
                self._head = b""

    def _head_bytes(self) -> int:
        if len(self._head) < _OGG_HEAD_BYTES:
            return _OGG_HEAD_BYTES
        return _OGG_HEAD_BYTES + self._head[26]


class WebmWalker:
    """Goes from element to element, into segments and clusters and over all else."""

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0
        self._begun = False

    def feed(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            before = len(self._head)
            self._head += data[position : position + _LONGEST_ELEMENT_HEAD - before]
            try:
                element = read_element(self._head, 0)
            except ValueError:
                raise _not_webm() from None
            if element is None:
                return
            number, length, width = element
            self._enter(number, length)
            position += width - before
            self._head = b""

    def _enter(self, number: int, length: int | None) -> None:
        if number in (_SEGMENT, _CLUSTER):
            return
        first = number == _EBML and not self._begun
        if length is None or not (first or number in _KNOWN):
            raise _not_webm()
        self._begun = True
        self._skip = length


def _not_webm() -> NotAudio:
    return NotAudio(
        "The stream holds bytes that do not belong to its WebM container.",
        "Send the pieces of one MediaRecorder in order; a new one needs a new connection.",
    )
