"""The parent's end of decoder processes: the fork server that makes them, a connection to each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import subprocess
import sys
from typing import Any

from twicetold.errors import DecoderFailed
from twicetold.media.child import READY
from twicetold.media.messages import HEAD, Kind, pack, unpack_failure, unpack_head

START_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 60.0
_READ_AHEAD_BYTES = 128 * 1024  # then the child waits: its sound stays unread, not in our memory
_SEND_TIMEOUT_S = 5.0
_END_TIMEOUT_S = 5.0
_HINT = "Send it again; if it fails again, the file or the stream itself is to blame."


class Connection:
    """A conversation with one decoder, which ends with ``aclose``."""

    def __init__(
        self,
        server: ForkServer,
        job: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        timeout_s: float,
    ) -> None:
        self._server, self._job = server, job
        self._reader, self._writer = reader, writer
        self._timeout_s = timeout_s

    def send(self, kind: Kind, body: bytes = b"") -> None:
        """Say something to the decoder; ``receive`` tells whether it heard."""
        self._writer.write(pack(kind, body))

    async def receive(self) -> tuple[Kind, bytes]:
        """The decoder's next message. Raises what it failed with, or DecoderFailed when it died
        or has said nothing for too long."""
        try:
            async with asyncio.timeout(self._timeout_s):
                kind, length = unpack_head(await self._reader.readexactly(HEAD.size))
                body = await self._reader.readexactly(length)
        except TimeoutError:
            message = f"The decoder did not answer within {self._timeout_s:g} s."
            raise DecoderFailed(message, _HINT) from None
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            raise DecoderFailed("The decoder died at its work.", _HINT) from None
        if kind == Kind.FAILED:
            raise unpack_failure(body)
        return kind, body

    async def aclose(self) -> None:
        self._writer.close()
        # A decoder that is busy, or hangs, does not notice that nobody listens any more.
        await self._server.kill(self._job)
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class ForkServer:
    """The process that forks decoders (see ``child``); started again should it die."""

    def __init__(self, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self._lock = asyncio.Lock()
        self._jobs = itertools.count(1)

    async def start(self) -> None:
        """Make sure that it runs. Raises DecoderFailed when it cannot be started."""
        async with self._lock:
            await self._ensure()

    async def connect(self, request: dict[str, Any]) -> Connection:
        """A new decoder for ``request``. Raises DecoderFailed."""
        job = next(self._jobs)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await self._ask({**request, "job": job}, theirs)
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_READ_AHEAD_BYTES)
        except BaseException:
            ours.close()
            raise
        return Connection(self, job, reader, writer, self._timeout_s)

    async def kill(self, job: int) -> None:
        """End a decoder, if it has not ended by itself."""
        async with self._lock:
            if self._control is None or self._process is None:
                return
            if self._process.returncode is None:
                with contextlib.suppress(OSError):  # it died, and its decoders with it
                    await _send(self._control, {"do": "kill", "job": job}, None)

    async def aclose(self) -> None:
        """End the fork server and with it all decoders, for good."""
        async with self._lock:
            self._closed = True
            await self._end()

    async def _ask(self, request: dict[str, Any], connection: socket.socket) -> None:
        async with self._lock:
            for last_attempt in (False, True):
                await self._ensure()
                assert self._control is not None
                try:
                    await _send(self._control, request, connection)
                    return
                except OSError as error:  # it has died since
                    await self._end()
                    if last_attempt:
                        raise DecoderFailed("The decoders' process died.") from error

    async def _ensure(self) -> None:
        if self._closed:
            raise DecoderFailed("The decoder was closed.", "")
        if self._process is not None and self._process.returncode is None:
            return
        await self._end()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self._control = await self._launch()
        except (OSError, TimeoutError) as error:
            await self._end()
            raise DecoderFailed("The decoders' process could not be started.") from error
        except BaseException:
            await self._end()
            raise

    async def _launch(self) -> socket.socket:
        """Start the process and wait until it has loaded its libraries."""
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "twicetold.media.child", str(theirs.fileno())),
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            if await asyncio.get_running_loop().sock_recv(ours, len(READY)) != READY:
                raise ConnectionError("it ended while it started")
            ours.settimeout(_SEND_TIMEOUT_S)
        except BaseException:
            ours.close()
            raise
        return ours

    async def _end(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is None:
            return
        try:
            async with asyncio.timeout(_END_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _send(
    control: socket.socket, request: dict[str, Any], passed: socket.socket | None
) -> None:
    """Raises OSError when nobody reads any more."""
    line = json.dumps(request).encode() + b"\n"
    sending = asyncio.ensure_future(asyncio.to_thread(_send_line, control, line, passed))
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        # The thread still holds the descriptors: closed now, they might name something else.
        await asyncio.wait([sending])
        raise


def _send_line(control: socket.socket, line: bytes, passed: socket.socket | None) -> None:
    descriptors = [] if passed is None else [passed.fileno()]
    sent = socket.send_fds(control, [line], descriptors) if descriptors else control.send(line)
    if sent < len(line):
        control.sendall(line[sent:])
