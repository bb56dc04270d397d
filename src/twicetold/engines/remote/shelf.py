"""The stock of one session's connections."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection
from websockets.protocol import State


@dataclass(slots=True)
class Shelf:
    """The connections of one session that are open, or being opened, and not at work."""

    spares: deque[ClientConnection] = field(default_factory=deque)
    opening: int = 0
    waiting: deque[asyncio.Future[ClientConnection | None]] = field(default_factory=deque)
    at_work: int = 0
    wanted_at: float = 0.0

    @property
    def stock(self) -> int:
        return len(self.spares) + self.opening - len(self.waiting)

    def arrived(self, connection: ClientConnection | None) -> None:
        """One that was being opened is open, or came to nothing: who waits for it is told."""
        while self.waiting:
            coming = self.waiting.popleft()
            if not coming.done():
                coming.set_result(connection)
                return
        if connection is not None:
            self.spares.append(connection)

    def take(self) -> ClientConnection | None:
        """The oldest spare that is still open, so that none grows old."""
        while self.spares:
            connection = self.spares.popleft()
            if connection.state is State.OPEN:
                return connection
        return None
