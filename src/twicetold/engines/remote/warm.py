"""Connections that are open before they are needed: an utterance begins without a handshake.

Each connection serves one utterance. What that leaves behind at the server, queued sound or
context, can so never reach another one, of another call or tenant; and as the next connection is
opened while this one is at work, it costs no time. Kept ones would save handshakes, and need each
protocol to say when it is ready for more, which vLLM's does not: it drops what comes too early.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Coroutine
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State

from twicetold.engines.remote.dialogue import Session, event_of
from twicetold.engines.remote.shelf import Shelf
from twicetold.engines.remote.telling import code_of, refusal
from twicetold.errors import EngineFailed, EngineRefused

_log = structlog.get_logger()

_OPEN_S = 10.0  # most that one handshake may take
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.2, 5.0
_KEPT_S = 60.0  # spares are kept so long after the last utterance of their session
_TEND_S = 15.0
_SPARE_SHARE = 4  # one spare for so many at work
_MOST_MESSAGE_BYTES = 1024 * 1024
_CLOSE_S = 1.0
_PASSES = re.compile("server_error|internal|rate_limit|overload|unavailable|timeout|concurren")


class _Connect(connect):
    """Goes nowhere else with the key that it was given."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WarmConnections:
    """Hands out open, greeted connections; ``most`` at once, spares included.

    ``names``: of the settings that hold the address and the key.
    """

    def __init__(self, engine: str, names: tuple[str, str], *, most: int, timeout_s: float) -> None:
        self._engine, self._names = engine, names
        self._most, self._timeout_s = most, timeout_s
        self._places = asyncio.Semaphore(most)
        self._shelves: dict[Session, Shelf] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tending: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, session: Session) -> ClientConnection:
        """An open connection; end it with ``end``. Waits while there are too many, and tries for
        ``timeout_s`` where the server cannot be reached.

        Raises EngineRefused or EngineFailed.
        """
        self._check_open()
        await self._places.acquire()
        shelf = self._shelves.setdefault(session, Shelf())
        shelf.at_work += 1
        try:
            self._check_open()
            connection = shelf.take() or await self._coming(shelf)
            if connection is None:
                self._make_room()
                connection = await self._patiently(session)
        except BaseException:
            self._release(shelf)
            raise
        shelf.wanted_at = asyncio.get_running_loop().time()
        self._restock(session)
        return connection

    async def warm_up(self, session: Session) -> None:
        """Try the server once, and keep the connection for the first utterance. Raises
        EngineRefused; a server that cannot be reached may come yet."""
        shelf = self._shelves.setdefault(session, Shelf())
        try:
            shelf.spares.append(await self._open(session))
        except EngineRefused:
            raise
        except EngineFailed as error:
            _log.warning("remote_engine_away", engine=self._engine, error=error.message)
        shelf.wanted_at = asyncio.get_running_loop().time()
        self._tend_soon()

    def end(self, session: Session, connection: ClientConnection) -> None:
        """The utterance on it is over, or was given up."""
        self._release(self._shelves[session])
        self._later(_close(connection))

    async def aclose(self) -> None:
        """Close whatever lies on the shelves. May be called twice."""
        self._closed = True
        if self._tending is not None:
            self._tending.cancel()
        for shelf in self._shelves.values():
            while shelf.spares:
                self._later(_close(shelf.spares.popleft()))
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineFailed("The engine has been closed.")

    def _release(self, shelf: Shelf) -> None:
        shelf.at_work -= 1
        self._places.release()

    async def _coming(self, shelf: Shelf) -> ClientConnection | None:
        """The spare that is being opened, if there is one and it comes to something."""
        if shelf.opening <= len(shelf.waiting):
            return None
        coming: asyncio.Future[ClientConnection | None] = asyncio.get_running_loop().create_future()
        shelf.waiting.append(coming)
        try:
            return await coming
        except asyncio.CancelledError:
            if coming.done() and not coming.cancelled():
                shelf.arrived(coming.result())
            raise

    def _make_room(self) -> None:
        """Whoever is at work goes before spares."""
        for shelf in self._shelves.values():
            while shelf.spares and self._total() > self._most:
                self._later(_close(shelf.spares.popleft()))

    def _total(self) -> int:
        return sum(each.at_work + each.stock for each in self._shelves.values())

    # --- opening -------------------------------------------------------------------------

    async def _patiently(self, session: Session) -> ClientConnection:
        loop, delay_s = asyncio.get_running_loop(), _FIRST_DELAY_S
        deadline = loop.time() + self._timeout_s
        while True:
            self._check_open()
            try:
                return await self._open(session)
            except EngineRefused:
                raise
            except EngineFailed as error:
                wait_s = delay_s * random.uniform(0.5, 1.0)
                if loop.time() + wait_s >= deadline:
                    raise
                _log.warning("remote_engine_retried", engine=self._engine, error=error.message)
            await asyncio.sleep(wait_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def _open(self, session: Session) -> ClientConnection:
        """One attempt, greeting included."""
        limit_s = min(_OPEN_S, self._timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                return await self._greeted(session)
        except EngineFailed:  # which is an OSError
            raise
        except InvalidStatus as error:
            url, key = self._names
            status = error.response.status_code
            raise refusal(self._engine, status, "", url=url, key=key) from None
        except TimeoutError:
            raise self._unreachable(f"did not answer within {limit_s:g} s") from None
        except ConnectionClosed:
            raise self._unreachable("ended the connection") from None
        except (OSError, WebSocketException) as error:
            raise self._unreachable(f"cannot be reached ({type(error).__name__})") from None

    async def _greeted(self, session: Session) -> ClientConnection:
        connection = await _Connect(
            session.url,
            additional_headers=session.headers,
            user_agent_header="twicetold",
            compression=None,  # base64 of sound does not shrink
            open_timeout=None,
            close_timeout=_CLOSE_S,
            max_size=_MOST_MESSAGE_BYTES,
        )
        try:
            for step in session.greeting:
                event = event_of(await connection.recv())
                if event.get(session.kind) != step.awaited:
                    raise self._not_greeted(session, event)
                if step.answer is not None:
                    await connection.send(step.answer)
        except BaseException:
            connection.transport.abort()
            raise
        return connection

    def _not_greeted(self, session: Session, event: object) -> EngineFailed:
        """A server that answers with an error will do so again, unless it says that it is the
        server's: it is the settings' fault."""
        assert isinstance(event, dict)
        if event.get(session.kind) != "error":
            return self._unreachable("does not speak the protocol that is expected")
        detail = event.get("error")
        about = detail if isinstance(detail, dict) else event
        code = code_of(about.get("code"))
        message = f"The server of engine {self._engine} refused the session: {code}."
        if _PASSES.search(f"{code} {about.get('type')}"):
            return EngineFailed(message)
        return EngineRefused(message, f"Look at the model's name, and at {self._names[0]}.")

    def _unreachable(self, what: str) -> EngineFailed:
        return EngineFailed(
            f"The server of engine {self._engine} {what}.",
            f"Look at {self._names[0]}, and whether that server runs.",
        )

    # --- spares --------------------------------------------------------------------------

    def _restock(self, session: Session) -> None:
        """Open in the background what the shelf lacks."""
        shelf = self._shelves[session]
        while not self._closed and shelf.stock < self._wanted(shelf):
            shelf.opening += 1
            self._later(self._add(session, shelf))
        self._tend_soon()

    def _wanted(self, shelf: Shelf) -> int:
        room = self._most - self._total() + shelf.stock
        return max(0, min(1 + shelf.at_work // _SPARE_SHARE, room))

    async def _add(self, session: Session, shelf: Shelf) -> None:
        """One more spare. Whoever needs one where that fails opens it, and tells what is wrong."""
        connection = None
        try:
            connection = await self._open(session)
        except EngineFailed as error:
            _log.info("remote_engine_spare_failed", engine=self._engine, error=error.message)
        finally:
            shelf.opening -= 1
            shelf.arrived(None if self._closed else connection)
        if self._closed and connection is not None:
            await _close(connection)

    def _tend_soon(self) -> None:
        if self._tending is None and not self._closed:
            self._tending = asyncio.create_task(self._tend())

    async def _tend(self) -> None:
        """Keep idle connections alive, those that are not wanted any more excepted."""
        while True:
            await asyncio.sleep(_TEND_S)
            now = asyncio.get_running_loop().time()
            for session, shelf in list(self._shelves.items()):
                idle = now - shelf.wanted_at > _KEPT_S and not shelf.at_work
                wanted = 0 if idle else self._wanted(shelf)
                while shelf.spares and (shelf.spares[0].state is not State.OPEN
                                        or shelf.stock > wanted):  # fmt: skip
                    self._later(_close(shelf.spares.popleft()))
                for spare in shelf.spares:
                    self._later(_keep_alive(spare, session.alive))
                if idle and not shelf.stock:
                    del self._shelves[session]
                elif not idle:
                    self._restock(session)

    def _later(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _keep_alive(connection: ClientConnection, alive: str | None) -> None:
    """By the protocol's own means; pings of the WebSocket go out by themselves."""
    if alive is not None:
        with contextlib.suppress(ConnectionClosed):
            await connection.send(alive)


async def _close(connection: ClientConnection) -> None:
    await connection.close()
