"""uvicorn's protocols, for peers that do not read.

What a peer does not read waits in its connection's buffer, in our memory. uvicorn bounds what an
application sends, but neither the answers to pings nor how long a closed connection stays for the
sake of a buffer that nobody empties.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_LOOK_EVERY_S = 10.0
_LOOKS, _LOOK_AGAIN_S = 2, 1.0


class _Impatient(asyncio.Protocol):
    """A connection that is being closed ends once its peer takes nothing any more."""

    transport: asyncio.Transport
    _look: asyncio.TimerHandle | None = None
    _left_bytes = 0

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._look is None:
            self._left_bytes = self.transport.get_write_buffer_size()
            loop = asyncio.get_running_loop()
            self._look = loop.call_later(_LOOK_EVERY_S, self._see_what_is_left)

    def _see_what_is_left(self) -> None:
        self._look = None
        left_bytes = self.transport.get_write_buffer_size()
        closing = self.transport.is_closing()
        if closing and left_bytes >= self._left_bytes:
            self.transport.abort()
        elif closing or left_bytes:
            self._watch()


class WebSockets(_Impatient, WebSocketsSansIOProtocol):
    """Whoever asks for pongs and reads none is not heard until it does. Whose messages wait for us
    may have answered our ping behind them: it is given time until there is nothing left to read.
    """

    _choked = False
    _looks = 0  # that there is nothing left, before a ping without an answer ends the connection

    def handle_ping(self) -> None:
        super().handle_ping()
        if not self.writable.is_set() and not self._choked:
            self._choked = True
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._choked:
            self._choked = False
            if not self.read_paused:
                self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await super().receive()
        if self._choked:
            self.transport.pause_reading()
        return message

    def keepalive_timeout(self) -> None:
        if self.read_paused:
            self._looks = _LOOKS
        if self._looks:
            self._looks -= 1
            self.pong_timer = self.loop.call_later(_LOOK_AGAIN_S, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self._watch()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if not self.disconnected:
            self._watch()


# Whichever of the two that uvicorn knows is installed.
Http: type[asyncio.Protocol] = type("Http", (_Impatient, AutoHTTPProtocol), {})
