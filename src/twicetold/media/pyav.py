"""The decoder that runs PyAV (FFmpeg), each file and each stream in a process of its own.

PyAV is never imported here: it is fed by strangers, and a fault in it must take no more
with it than the one recording that caused it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from twicetold.errors import BadParameter, DecoderFailed
from twicetold.media import Decoder, FileDecoding, SoundInfo, StreamDecoding
from twicetold.media.framing import StreamStart
from twicetold.media.messages import Kind, unpack_info
from twicetold.media.process import ANSWER_TIMEOUT_S, Connection, ForkServer

STREAM_CONTAINERS = ("webm", "ogg")


class PyAvDecoder(Decoder):
    """``start`` loads the libraries, so that the first file or stream need not wait for it."""

    def __init__(self, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """A decoder that says nothing for ``timeout_s`` is ended, with DecoderFailed."""
        self._server = ForkServer(timeout_s)

    async def start(self) -> None:
        await self._server.start()

    async def open_file(self, path: Path) -> FileDecoding:
        """Raises RecordingNotFound and DecoderFailed besides the port's errors."""
        connection = await self._server.connect(_file_request(path))
        try:
            kind, body = await connection.receive()
            if kind != Kind.INFO:
                raise DecoderFailed(f"Expected a decoder to say INFO but got {kind.name}.")
            return PyAvFile(connection, unpack_info(body))
        except BaseException:
            await connection.aclose()
            raise

    async def open_stream(self, container: str, channels: int) -> StreamDecoding:
        if container not in STREAM_CONTAINERS or channels not in (1, 2):
            raise BadParameter(
                f"Expected a webm or ogg stream with 1 or 2 channels but got {container!r} "
                f"with {channels}."
            )
        request = {"do": "stream", "container": container, "channels": channels}
        return PyAvStream(await self._server.connect(request), container)

    async def aclose(self) -> None:
        """Ends every decoder that still runs."""
        await self._server.aclose()


def _file_request(path: Path) -> dict[str, object]:
    # The fork server's working directory is that of its start.
    return {"do": "file", "path": str(path.absolute())}


class PyAvFile(FileDecoding):
    def __init__(self, connection: Connection, info: SoundInfo) -> None:
        self._connection, self._info = connection, info

    @property
    def info(self) -> SoundInfo:
        return self._info

    async def blocks(self) -> AsyncIterator[bytes]:
        """Once: what has been read is gone. The process decodes no further than it is read."""
        while True:
            kind, body = await self._connection.receive()
            if kind == Kind.END:
                return
            yield body

    async def aclose(self) -> None:
        await self._connection.aclose()


class PyAvStream(StreamDecoding):
    """Takes one ``feed`` at a time. After an error, or a ``feed`` that was cancelled, it is of
    no more use than to be closed."""

    def __init__(self, connection: Connection, container: str) -> None:
        self._connection = connection
        self._start = StreamStart(container)
        self._waiting = False

    async def feed(self, data: bytes) -> bytes:
        self._start.feed(data)
        return await self._ask(Kind.FEED, data) if data else b""

    async def finish(self) -> bytes:
        return await self._ask(Kind.FINISH)

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def _ask(self, kind: Kind, data: bytes = b"") -> bytes:
        if self._waiting:
            raise DecoderFailed("The stream was given up before.", "Start a new one.")
        self._waiting = True
        self._connection.send(kind, data)
        _, pcm = await self._connection.receive()
        self._waiting = False
        return pcm
