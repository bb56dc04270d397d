"""What a client says on its WebSocket, with a look at whether it is still there.

A process that slept (a paused container, a machine that was suspended) wakes to handshakes whose
clients gave up long ago and went elsewhere. Answering one would take the call from the connection
that the client has now.
"""

from __future__ import annotations

import asyncio

from fastapi import WebSocket, WebSocketDisconnect
from starlette.types import Message

_LOOK_S = 0.02  # what the kernel holds of a connection is read within a turn or two of the loop


class Hearing:
    """Reads one socket. ``aclose`` where nobody reads on."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._looking: asyncio.Task[Message] | None = None

    async def refuse_the_gone(self) -> None:
        """Raises WebSocketDisconnect where the client has left already. What it has said meanwhile
        is kept for ``receive``."""
        looking = self._looking = asyncio.create_task(self._next())
        await asyncio.wait([looking], timeout=_LOOK_S)
        if looking.done() and looking.result()["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(looking.result().get("code") or 1006)

    async def receive(self) -> Message:
        """The next message; ``websocket.disconnect`` is the last."""
        if self._looking is None:
            return await self._next()
        message = await self._looking
        self._looking = None
        return message

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _next(self) -> Message:
        message: Message = await self._socket.receive()
        return message
