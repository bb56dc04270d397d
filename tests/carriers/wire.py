"""A way to a server that a test cuts, closes and blocks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.carriers.process import HOST


class Wire:
    """Listens on ``port`` and passes everything on to the server and back."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._ends: set[asyncio.StreamWriter] = set()
        self._open = True
        self._passing = asyncio.Event()
        self._passing.set()
        self.port = 0
        self.connections = 0  # so far

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """End every connection at once, whatever is under way."""
        for end in self._ends:
            end.transport.abort()

    def close(self) -> None:
        """Cut, and take no new connections."""
        self._open = False
        self.cut()

    def open(self) -> None:
        self._open = True

    def block(self) -> None:
        """Keep the connections, and pass nothing on."""
        self._passing.clear()

    def unblock(self) -> None:
        self._passing.set()

    async def _connected(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        self.connections += 1
        far, far_writer = await asyncio.open_connection(HOST, self._to_port)
        self._ends |= {writer, far_writer}
        await asyncio.gather(self._pass(near, far_writer), self._pass(far, writer))
        self._ends -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
