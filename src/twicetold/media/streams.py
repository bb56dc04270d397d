"""In the child: a live container stream to PCM, each piece answered with what it made audible."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer

from twicetold.errors import NotAudio, TooFast, TruncatedAudio
from twicetold.media.decoding import (
    AV_ERRORS,
    PcmMaker,
    Timeline,
    audio_stream,
    decode,
    samples_of,
)
from twicetold.media.framing import walker
from twicetold.media.messages import Kind, pack

RATE = 16_000
MOST_SOUND_IN_ONE_MESSAGE_S = 120
LONGEST_GAP_S = 30.0
# FFmpeg would read ahead to guess what the headers of these containers say anyway.
_OPTIONS = {
    "probesize": "32",
    "analyzeduration": "0",
    "protocol_whitelist": "none",
}
_READ_BYTES = 4096

Receive = Callable[[], tuple[Kind, bytes]]
Send = Callable[[bytes], None]


class LiveStream:
    """Reads what the parent feeds, as a file that FFmpeg waits on.

    FFmpeg asks for more bytes only when it has worked through what it had: that moment is
    the answer to what was fed.
    """

    def __init__(self, container: str, channels: int, receive: Receive, send: Send) -> None:
        self._container, self._channels = container, channels
        self._receive, self._send = receive, send
        self._walker = walker(container)
        self._maker = PcmMaker(RATE, channels)
        self._fed = memoryview(b"")
        self._owes = False
        self._over = False
        self._stopped_by: NotAudio | EOFError | OSError | None = None
        self._pcm = bytearray()

    def run(self) -> None:
        """Serve the stream to its end.

        Raises NotAudio or TooFast, EOFError or OSError when the parent has gone.
        """
        try:
            self._decode()
        except (TruncatedAudio, *AV_ERRORS) as error:
            if not self._over:
                raise NotAudio("The stream cannot be decoded.") from error
        if self._stopped_by is not None:
            raise self._stopped_by
        if not self._over:
            raise NotAudio("The stream ended, and went on.")
        self._pcm += self._maker.finish()
        self._answer()

    def read(self, most: int) -> bytes:
        """For FFmpeg: the next bytes, perhaps fewer than ``most``; none at the end."""
        try:
            while not self._fed and not self._over:
                self._answer()
                self._take(*self._receive())
        except (NotAudio, EOFError, OSError) as error:
            # FFmpeg would swallow it: let it see an end, and say it afterwards.
            self._stopped_by, self._over = error, True
        piece = bytes(self._fed[:most])
        self._fed = self._fed[most:]
        return piece

    def _take(self, kind: Kind, body: bytes) -> None:
        self._owes = True
        if kind == Kind.FINISH:
            self._over = True
            return
        self._walker.feed(body)
        self._fed = memoryview(body)

    def _answer(self) -> None:
        if self._owes:
            self._send(pack(Kind.PCM, bytes(self._pcm)))
            self._pcm.clear()
            self._owes = False

    def _decode(self) -> None:
        with av.open(
            self,
            "r",
            format=self._container,
            options=_OPTIONS,
            buffer_size=_READ_BYTES,
            metadata_errors="replace",
        ) as container:
            assert isinstance(container, InputContainer)
            timeline = Timeline(longest_gap_s=LONGEST_GAP_S)
            for frame in decode(container, audio_stream(container), timeline):
                self._add(frame, timeline)

    def _add(self, frame: AudioFrame, timeline: Timeline) -> None:
        rate = frame.sample_rate
        missing = round(timeline.gap_s(frame) * rate)
        timeline.advance((missing + frame.samples) / rate)
        if missing / rate + len(self._pcm) / (2 * RATE * self._channels) > (
            MOST_SOUND_IN_ONE_MESSAGE_S
        ):
            raise TooFast("One message held more sound than live audio can.")
        if missing:
            silence = np.zeros((missing, self._channels), np.float32)
            self._pcm += self._maker.add(silence, rate, now=True)
        self._pcm += self._maker.add(samples_of(frame), rate, now=True)
