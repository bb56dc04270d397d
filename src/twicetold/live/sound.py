"""A stretch of one channel's sound, kept in the pieces in which it came."""

from __future__ import annotations

from collections import deque


class SoundBuffer:
    """Mono PCM s16le from sample ``start`` to sample ``end``.

    Pieces are never joined in the buffer: one long array would be moved as it grows, and
    most of what is asked for is the piece that came last, which is handed out as it is.
    """

    def __init__(self, position: int) -> None:
        """``position``: the sample at which sound begins."""
        self._pieces: deque[tuple[int, bytes]] = deque()  # first sample, PCM
        self._first = self.end = position

    @property
    def start(self) -> int:
        """The first sample that is still held."""
        return self._pieces[0][0] if self._pieces else self._first

    def append(self, pcm: bytes) -> None:
        self._pieces.append((self.end, pcm))
        self.end += len(pcm) // 2

    def between(self, start: int, end: int) -> bytes:
        """The sound in [start, end), which must be held."""
        if start >= end:
            return b""
        found: list[bytes] = []
        for first, pcm in reversed(self._pieces):
            if first < end:
                found.append(pcm[max(0, start - first) * 2 : (end - first) * 2])
            if first <= start:
                break
        return found[0] if len(found) == 1 else b"".join(reversed(found))

    def forget(self, before: int) -> None:
        """Drop the pieces that lie before that sample as a whole."""
        pieces = self._pieces
        while pieces and pieces[0][0] + len(pieces[0][1]) // 2 <= before:
            first, pcm = pieces.popleft()
            self._first = first + len(pcm) // 2
