"""A connection to RabbitMQ that is made again whenever it is lost, and the channels on it.

aio-pika's own robust connections restore consumers as they were first declared and forget what
was not confirmed; here whoever uses a channel begins again from where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import (
    CONNECTION_EXCEPTIONS,
    AuthenticationError,
    ProbableAuthenticationError,
)

from twicetold.broker.rabbitmq.options import RabbitOptions
from twicetold.broker.rabbitmq.words import not_connected
from twicetold.errors import SettingError

log = structlog.get_logger()

_CONNECT_S, _PREPARE_S, _CLOSE_S = 5.0, 20.0, 2.0
_AGAIN_S = 0.5
_FIRST_WAIT_S, _LONGEST_WAIT_S, _UNUSABLE_WAIT_S = 0.1, 2.0, 10.0

_SILENT = "RabbitMQ has fallen silent"

Prepare = Callable[[AbstractConnection, RabbitOptions], Awaitable[str]]
Use = Callable[[AbstractChannel, asyncio.Event], Awaitable[None]]


class LinkLost(Exception):
    """The connection, or a channel on it, is no more. Its text says why; ``hint``, where it is
    known, what to do about it."""

    def __init__(self, why: str = "", hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


@contextlib.contextmanager
def losing() -> Iterator[None]:
    """Whatever aio-pika raises for a lost connection becomes LinkLost."""
    try:
        yield
    except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
        raise LinkLost(_reason(error)) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise LinkLost(_SILENT) from None
    except Exception as error:
        if type(error) is not Exception:
            raise
        # aiormq's word to what still waits on a connection that was closed without a reason.
        raise LinkLost("the connection was closed") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return _SILENT  # aiormq cancels what waits on a connection that has said nothing for long
    return (str(error.args[-1]) if error.args else "") or type(error).__name__


async def ended(task: asyncio.Task[Any]) -> None:
    """Have a task cancelled, and again where a cancellation was lost: aio-pika, which it comes to
    in the middle of a connection that is being made, may go on as if it had not come."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_AGAIN_S)
    await asyncio.gather(task, return_exceptions=True)  # whatever it ended with was told


async def connect(options: RabbitOptions, purpose: str, host: str) -> AbstractConnection:
    """Raises LinkLost, and SettingError where it does not know us."""
    try:
        with losing():
            settings = options.connection(host, purpose)
            connection: AbstractConnection = await aio_pika.connect(**settings, timeout=_CONNECT_S)
            return connection
    except LinkLost as error:
        if isinstance(error.__cause__, AuthenticationError | ProbableAuthenticationError):
            raise SettingError(
                f"{options.url.shown} refuses the name or the password in the setting broker.",
                "See: rabbitmqctl authenticate_user NAME PASSWORD. The user guest may come from"
                " RabbitMQ's own machine only.",
            ) from None
        if words := not_connected(error.__cause__, options):
            raise LinkLost(*words) from error.__cause__
        raise


async def open_once(options: RabbitOptions, purpose: str, prepare: Prepare) -> None:
    """Try each host in turn, until one has answered. Raises LinkLost and SettingError."""
    lost = LinkLost()
    for host in options.url.hosts:
        try:
            connection = await connect(options, purpose, host)
        except LinkLost as error:
            lost = error
            continue
        try:
            with losing():
                async with asyncio.timeout(_PREPARE_S):
                    await prepare(connection, options)
        finally:
            with contextlib.suppress(LinkLost), losing():
                async with asyncio.timeout(_CLOSE_S):
                    await connection.close()
        return
    raise lost


class RabbitLink:
    """``prepare`` is run on each new connection before anyone else uses it, and gives the log's
    identity; ``found`` is told the one before ("" at first) when it is another."""

    def __init__(
        self,
        options: RabbitOptions,
        purpose: str,
        prepare: Prepare,
        found: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._options, self._purpose = options, purpose
        self._prepare, self._found = prepare, found
        self._hosts = deque(options.url.hosts)
        self._loop = asyncio.get_running_loop()
        self._connection: asyncio.Future[AbstractConnection] = self._loop.create_future()
        self._lost = asyncio.Event()
        self._why = ""  # it was lost
        self._unreachable = False
        self._closings: set[asyncio.Future[Any]] = set()
        self.lost_at = self._loop.time()  # where it is not up: since when
        self.log = ""  # identity of the log, once known
        self._task = asyncio.create_task(self._run())

    @property
    def up(self) -> bool:
        return self._connection.done()

    async def connection(self) -> AbstractConnection:
        """Waits for it."""
        return await asyncio.shield(self._connection)

    def renew(self, reason: str) -> None:
        """This connection is of no use: make another."""
        self._why = self._why or reason
        self._lost.set()

    async def serve(self, use: Use, *, confirms: bool = False) -> None:
        """Open a channel and ``use`` it until it is lost, again and again. ``use`` is given an
        event for that, which it may also set, and waits for it once it has begun."""
        wait_s, told = _FIRST_WAIT_S, ""
        while True:
            over = asyncio.Event()
            try:
                with losing():
                    await self._serve_once(use, over, confirms)
                wait_s, told = _FIRST_WAIT_S, ""
            except LinkLost as error:
                if self.up and told != (told := str(error)):
                    log.warning("rabbitmq_channel_lost", purpose=self._purpose, error=told)
            except Exception:
                log.exception("rabbitmq_channel_failed", purpose=self._purpose)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _serve_once(self, use: Use, over: asyncio.Event, confirms: bool) -> None:
        connection = await self.connection()
        channel = connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        await channel.initialize()
        try:
            channel.close_callbacks.add(lambda *_: over.set())
            (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(
                lambda _: over.set()
            )
            await use(channel, over)
        finally:
            self._close_later(channel.close())

    async def aclose(self) -> None:
        await ended(self._task)
        if self.up:
            self._close_later(self._connection.result().close())
        if self._closings:
            await asyncio.wait(self._closings, timeout=_CLOSE_S)

    # --- inside --------------------------------------------------------------------

    async def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                connection = await self._open()
            except (LinkLost, SettingError) as error:
                self._hosts.rotate(-1)
                self._tell(error)
                await asyncio.sleep(wait_s if isinstance(error, LinkLost) else _UNUSABLE_WAIT_S)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
                continue
            except Exception:
                log.exception("rabbitmq_link_failed", **self._told)
                await asyncio.sleep(_UNUSABLE_WAIT_S)
                continue
            wait_s = _FIRST_WAIT_S
            await self._hold(connection)

    async def _open(self) -> AbstractConnection:
        lost = self._lost = asyncio.Event()
        self._why = ""
        connection = await connect(self._options, self._purpose, self._hosts[0])
        connection.close_callbacks.add(partial(self._closed, lost))
        try:
            with losing():
                async with asyncio.timeout(_PREPARE_S):
                    identity = await self._prepare(connection, self._options)
            self._know(identity)
        except BaseException:
            self._close_later(connection.close())
            raise
        return connection

    async def _hold(self, connection: AbstractConnection) -> None:
        """Until it is lost."""
        if self._unreachable:
            self._unreachable = False
            log.info("rabbitmq_reached_again", **self._told)
        self._connection.set_result(connection)
        await self._lost.wait()
        log.warning("rabbitmq_lost", **self._told, error=self._why)
        self._connection = self._loop.create_future()
        self.lost_at = self._loop.time()
        closing = self._close_later(connection.close())
        await asyncio.wait([closing], timeout=_CLOSE_S)  # what it still held is dealt with by then

    def _closed(self, lost: asyncio.Event, _: object, error: BaseException | None) -> None:
        if lost is self._lost:
            self.renew("it was closed" if error is None else _reason(error))

    def _know(self, identity: str) -> None:
        before, self.log = self.log, identity
        if before not in ("", identity):
            meaning = "what it held is gone; what has taken its place is read from its beginning"
            log.error("log_replaced", **self._told, meaning=meaning)
        if before != identity:
            self._found(before)

    def _tell(self, error: Exception) -> None:
        """Once for each time that it is away; what a person must mend, every time."""
        if isinstance(error, SettingError):
            log.error("rabbitmq_unusable", **self._told, error=error.message, hint=error.hint)
        elif not self._unreachable:
            self._unreachable = True
            hint = error.hint if isinstance(error, LinkLost) else ""
            told = {"hint": hint} if hint else {}
            log.warning("rabbitmq_unreachable", **self._told, error=str(error), **told)

    @property
    def _told(self) -> dict[str, str]:
        return {"url": self._options.url.shown, "purpose": self._purpose}

    def _close_later(self, closing: Awaitable[Any]) -> asyncio.Future[Any]:
        future = asyncio.ensure_future(_quietly(closing))
        self._closings.add(future)
        future.add_done_callback(self._closings.discard)
        return future


async def _quietly(closing: Awaitable[Any]) -> None:
    with contextlib.suppress(LinkLost), losing():
        await closing
