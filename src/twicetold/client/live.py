"""``LiveClient``: one call on ``GET /v1/live``, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from twicetold.client.buffers import SEQUENCE, Inbox, Outbox
from twicetold.client.error import ServerError, server_error
from twicetold.errors import MessageTooLarge, TwicetoldError

LARGEST_MESSAGE = 1024 * 1024
_CONTAINERS = ("webm", "ogg")
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 5.0
_MOST_TAKEN_BACK = 3
_UNREAD_LIMIT = 1000


class LiveClient:
    """One call on ``GET /v1/live``.

    ``url`` is the server's address (http, https, ws or wss). ``encoding`` is pcm_s16le,
    mulaw, webm or ogg; ``sample_rate`` and ``channels`` describe the audio that is sent.
    To go on with a call of an earlier client give its ``session`` and ``last_event``.
    ``buffer_bytes`` bounds the audio kept until it is acknowledged, ``retry_for_s`` how
    long a lost server is looked for.

    A container (webm, ogg) cannot be taken up in its middle: there a lost connection
    raises, and a new client with ``session`` and ``last_event`` sends a fresh container.
    """

    def __init__(
        self,
        url: str,
        *,
        call_id: str,
        language: str = "en",
        encoding: str = "pcm_s16le",
        sample_rate: int = 16000,
        channels: int = 1,
        key: str | None = None,
        session: str | None = None,
        last_event: int = 0,
        buffer_bytes: int = 4 * 1024 * 1024,
        retry_for_s: float = 60.0,
    ) -> None:
        self.url = live_url(url)
        self.call_id = call_id
        self.session = session
        self.last_event = last_event
        self._parameters = {
            "call_id": call_id,
            "language": language,
            "encoding": encoding,
            "sample_rate": str(sample_rate),
            "channels": str(channels),
        }
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._resumable = encoding not in _CONTAINERS
        self._retry_for_s = retry_for_s
        self._outbox = Outbox(buffer_bytes)
        self._inbox = Inbox(_UNREAD_LIMIT)
        self._ready: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._stopped = self._over = False
        self._error: TwicetoldError | None = None
        self._lost_since: float | None = None
        self._delay_s = _FIRST_DELAY_S
        self._taken = 0  # how often another connection has taken the call

    async def __aenter__(self) -> Self:
        """Connect. Raises ServerError where the server refuses or is not there."""
        self._ready = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run())
        try:
            await self._ready
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def send(self, audio: bytes) -> None:
        """Send audio: whole frames, 100 to 250 ms of them is best. Waits while the buffer of
        unacknowledged audio is full. Raises ServerError once the call cannot go on."""
        if self._stopped:
            raise RuntimeError("expected audio before stop() but got it after")
        if len(audio) > LARGEST_MESSAGE - SEQUENCE.size:
            raise MessageTooLarge(f"A message of {len(audio)} bytes is too large.")
        while self._error is None and not self._over and not self._outbox.fits(len(audio)):
            await self._outbox.wait_for_room()
        self._check()
        self._outbox.put_audio(audio)

    async def finalize(self) -> None:
        """Whoever is speaking is taken to have finished."""
        self._check()
        self._outbox.put_control('{"type":"finalize"}')

    async def stop(self) -> None:
        """End the call: what was sent is transcribed, then ``events`` ends with ``done``."""
        if not self._stopped:
            self._check()
            self._stopped = True
            self._outbox.put_control('{"type":"stop"}')

    async def events(self, *, acks: bool = False) -> AsyncIterator[dict[str, Any]]:
        """What the server tells, in order, each final once; ends after ``done``.

        Read it while sending: with a thousand events unread the client stops listening.
        ``acks`` also shows ``ready`` and ``ack``. Raises ServerError where the call cannot go on.
        """
        while (event := await self._inbox.get()) is not None:
            if acks or event["type"] not in ("ready", "ack"):
                yield event
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        """Leave. A call that was not stopped stays open on the server for a while."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._end()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._ready is None or self._over:
            state = "one that was not entered" if self._ready is None else "one that is over"
            raise RuntimeError(f"expected a running client ('async with') but got {state}")

    # --- the connection -----------------------------------------------------------------------

    async def _run(self) -> None:
        """Hold a connection until the call is over or cannot go on."""
        try:
            while not self._over:
                try:
                    await self._one_connection()
                except _Lost as lost:
                    await self._back_off(lost)
        except TwicetoldError as error:
            self._error = error
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._end()

    def _end(self) -> None:
        self._over = True
        self._outbox.wake()
        self._inbox.close()

    async def _back_off(self, lost: _Lost) -> None:
        """Wait before the next attempt, or raise if there is none to be made."""
        now = time.monotonic()
        self._lost_since = now if self._lost_since is None else self._lost_since
        first = self._ready is not None and not self._ready.done()
        if first or not self._resumable or now - self._lost_since > self._retry_for_s:
            raise lost.error(self.session is not None and not self._resumable)
        await asyncio.sleep(self._delay_s * random.uniform(0.5, 1.0))
        self._delay_s = min(self._delay_s * 2, _LONGEST_DELAY_S)

    async def _one_connection(self) -> None:
        parameters = dict(self._parameters)
        if self.session is not None:
            parameters |= {"session": self.session, "event": str(self.last_event)}
        try:
            socket = await connect(
                f"{self.url}?{urlencode(parameters)}",
                additional_headers=self._headers,
                compression=None,
                close_timeout=1,
                proxy=None if _is_local(self.url) else True,
            )
        except InvalidStatus as refused:
            error = server_error(refused.response.status_code, bytes(refused.response.body or b""))
            if error.retryable:
                raise _Lost(error) from refused
            raise error from refused
        except (OSError, TimeoutError, InvalidHandshake) as failed:
            raise _Lost(_unreachable(self.url, failed)) from failed
        await self._talk(socket)

    async def _talk(self, socket: ClientConnection) -> None:
        """Pass messages both ways until the connection or the call ends."""
        pumping: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                event = json.loads(message)
                if event["type"] == "ready":
                    self._begin(event)
                    pumping = pumping or asyncio.create_task(self._pump(socket))
                if await self._take(event):
                    return
            raise _Lost(_unreachable(self.url, None))
        except ConnectionClosed as closed:
            raise _Lost(_unreachable(self.url, closed)) from closed
        except _Lost:
            socket.transport.abort()  # a closing handshake would wait behind unread messages
            raise
        finally:
            if pumping is not None:
                pumping.cancel()
                await asyncio.wait([pumping])
            await socket.close()

    def _begin(self, ready: dict[str, Any]) -> None:
        """The session stands: go on from the first audio that the server does not hold."""
        first = self._ready is not None and not self._ready.done()
        if first:
            self._outbox.start_at(ready["next_seq"])
        elif not self._outbox.resume_at(ready["next_seq"]):
            raise ServerError(
                "session_lost",
                f"The server asks for message {ready['next_seq']}, which is not held here.",
                "Another client may use the same session; start a new call.",
            )
        self.session = ready["session"]
        if first and self._ready is not None:
            self._ready.set_result(None)

    async def _pump(self, socket: ClientConnection) -> None:
        """Send what is in the outbox, from its start on; the socket's own buffer is bounded."""
        with contextlib.suppress(ConnectionClosed):  # the receiving side sees it too
            while True:
                await socket.send(await self._outbox.next())

    async def _take(self, event: dict[str, Any]) -> bool:
        """Note and pass on one event; True once the call is over."""
        kind = event["type"]
        if kind == "error":
            error = ServerError.from_body(event)
            raise _Lost(error) if error.retryable or self._may_take_back(error) else error
        if kind == "ack":
            self._outbox.acknowledge(event["seq"])
        if kind == "final" and not self._is_next(event["event"]):
            return False
        over: bool = kind == "done"
        if over and event["event"] > self.last_event:
            raise _Lost(_missed(event["event"]))
        if kind != "ready":  # a server that only ever says "ready" is not progress
            self._lost_since, self._delay_s = None, _FIRST_DELAY_S
        await self._inbox.put(event)
        self._over = self._over or over
        return over

    def _may_take_back(self, error: ServerError) -> bool:
        """Whether a call that another connection has taken may be taken back. The other is most
        likely an attempt of our own that was given up, and that reached a gateway late; if it is
        somebody else with our session, we must not go on taking it from each other for ever."""
        ours = self.session is not None and error.code == "call_id_in_use"
        self._taken += ours
        return ours and self._taken <= _MOST_TAKEN_BACK

    def _is_next(self, number: int) -> bool:
        """Whether a final is new. A gap in the numbers is closed by connecting again."""
        if number > self.last_event + 1:
            raise _Lost(_missed(number))
        if number <= self.last_event:
            return False
        self.last_event = number
        return True


class _Lost(Exception):
    """This connection is of no more use; the next may be."""

    def __init__(self, cause: ServerError) -> None:
        super().__init__(cause.message)
        self.cause = cause

    def error(self, container: bool) -> ServerError:
        if not container or self.cause.code != "connection_lost":
            return self.cause
        hint = "Open a new LiveClient with this session and last_event, and a fresh container."
        return ServerError("connection_lost", self.cause.message, hint, retryable=True)


def live_url(url: str) -> str:
    """The WebSocket address of ``/v1/live`` at a server's address."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    path = path if path.endswith("/v1/live") else f"{path}/v1/live"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _unreachable(url: str, cause: BaseException | None) -> ServerError:
    host = urlsplit(url).netloc
    reason = f": {cause}" if cause is not None and str(cause) else ""
    return ServerError(
        "connection_lost",
        f"The connection to {host} is lost or was never there{reason}.",
        "Is the server running? Start one with 'twicetold serve', or name another with --url.",
        retryable=True,
    )


def _missed(event: int) -> ServerError:
    return ServerError(
        "finals_missed", f"Finals before number {event} did not come.", "", retryable=True
    )
