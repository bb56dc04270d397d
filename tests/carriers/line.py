"""A way to a server on which answers can be lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Line:
    """``deaf``: what is asked arrives, and instead of the answer the connection ends, so many
    times."""

    def __init__(self, port: int) -> None:
        self.port, self.deaf, self.asked = 0, 0, 0
        self._to = port

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            while question := await reader.read(65_536):
                far_writer.write(question)
                answer = await far_reader.read(65_536)
                self.asked += 1
                if b"SETINFO" not in question and self.deaf:
                    self.deaf -= 1
                    return
                writer.write(answer)
        finally:
            for each in (far_writer, writer):
                each.close()
                with contextlib.suppress(OSError):
                    await each.wait_closed()
