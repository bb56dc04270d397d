"""A webhook endpoint on a real socket, as well or ill behaved as a test wants it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def status(code: int, *headers: str) -> Answer:
    """Answers at once."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join((f"HTTP/1.1 {code} X", *headers, "Content-Length: 2"))
        writer.write(f"{head}\r\n\r\nok".encode())

    return answer


async def never(writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await asyncio.Event().wait()


def dripping(head: bytes) -> Answer:
    """Says that, and then a byte now and then, without end."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    return answer


async def flooding(writer: asyncio.StreamWriter) -> None:
    """Headers without end, as fast as they are taken."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 60_000 + b"\r\n")
        await writer.drain()


@dataclass(frozen=True)
class Request:
    """What came, with its headers in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Receiver:
    port: int = 0
    answer: Answer = field(default_factory=lambda: status(200))
    connections: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def had(self, count: int, within_s: float = 10.0) -> None:
        """Wait for so many requests."""
        async with asyncio.timeout(within_s):
            while len(self.requests) < count:
                await asyncio.sleep(0.005)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._hear(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append(Request(head[0], headers, body))
        await self.answer(writer)
        await writer.drain()


@contextlib.asynccontextmanager
async def receiving(answer: Answer | None = None, **options: Any) -> AsyncIterator[Receiver]:
    """``options``: ``port`` to be had again, ``tls`` a server's context."""
    made = Receiver(answer=answer or status(200))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    tls: ssl.SSLContext | None = options.get("tls")
    server = await asyncio.start_server(accept, "127.0.0.1", options.get("port", 0), ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
