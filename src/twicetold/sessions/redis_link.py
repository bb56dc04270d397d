"""The way to one Redis: connections that are kept, and calls that end within a deadline.

A call is sent again only where that is harmless: it certainly did not reach the server, or the
caller says that to be done twice changes nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha1
from typing import Any

from twicetold.errors import MissingExtra, Unavailable
from twicetold.sessions.redis_address import Address

try:
    from redis import asyncio as redis
    from redis import exceptions
    from redis.asyncio.connection import AbstractConnection
except ImportError as error:
    raise MissingExtra(
        "sessions=redis:// needs the package redis.", "pip install 'twicetold[redis]'"
    ) from error

from twicetold.sessions.redis_words import Refused, refusal

__all__ = ["Command", "Link", "Refused", "Script", "Silent"]

Command = Sequence[str | int]

_MOST_CONNECTIONS = 32  # more only wait inside Redis, which does one thing at a time
_DEADLINE_S = 3.0  # of one call in all; a gateway's lease is renewed each few seconds
_TRY_S = 1.5  # of one try where another may follow
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.4
_SEE = "See the setting sessions."
_RUNNING = f"Is Redis running there? {_SEE}"
_CLOSES = (
    "A port of Redis that speaks TLS does that to redis:// (then it is rediss://), and so may what "
    f"is no Redis. {_SEE}"
)
_HANDSHAKE = (
    "A port of Redis without TLS does that to rediss:// (then it is redis://), and so may what is "
    f"no Redis. {_SEE}"
)
_ANSWERS = (exceptions.BusyLoadingError, exceptions.AuthenticationError)  # no lost connections
_LOST = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


class Silent(Unavailable):
    """No answer. ``remedy`` is the hint for whoever runs the servers; clients get the usual one."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, away=True)
        self.remedy = remedy


class Script:
    """Lua that the server knows by its hash once it has seen it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def sha(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Link:
    """Connections to the server at ``address``; made as they are needed."""

    def __init__(self, address: Address) -> None:
        self.name = f"{address} (setting sessions)"
        self._tls = address.tls
        self._pool = redis.BlockingConnectionPool(
            max_connections=_MOST_CONNECTIONS,
            timeout=_DEADLINE_S,
            connection_class=redis.SSLConnection if address.tls else redis.Connection,
            host=address.host,
            port=address.port,
            db=address.database,
            username=address.username,
            password=address.password,
            protocol=2,
            decode_responses=True,
            encoding_errors="surrogateescape",  # what others wrote under our keys
            socket_timeout=None,  # one deadline is kept here; theirs makes a task for each write
            socket_connect_timeout=_TRY_S,
        )

    @property
    def deadline_s(self) -> float:
        """After so long a call that may not be repeated is given up."""
        return _DEADLINE_S

    async def ask(
        self, command: Command, *, repeatable: bool = True, later: Command | None = None
    ) -> Any:
        """The answer to one command; ``later`` is what is sent instead once a try was lost.

        Raises Refused, or Unavailable where there was no answer; where it may have been carried
        out all the same, the message says so.
        """
        changed = None if later is None else [later]
        (answer,) = await self.ask_each([command], repeatable=repeatable, later=changed)
        if isinstance(answer, Refused):
            raise answer
        return answer

    async def run(
        self, script: Script, keys: Command, args: Command, *, repeatable: bool = True
    ) -> Any:
        """The answer of a script, as for ``ask``."""
        rest = (len(keys), *keys, *args)
        try:
            return await self.ask(("EVALSHA", script.sha, *rest), repeatable=repeatable)
        except _Unknown:
            return await self.ask(("EVAL", script.text, *rest), repeatable=repeatable)

    async def ask_each(
        self,
        commands: Sequence[Command],
        *,
        repeatable: bool = True,
        later: Sequence[Command] | None = None,
    ) -> list[Any]:
        """The answers to several commands, sent at once, as for ``ask``; a command that was
        refused gives Refused for an answer."""
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + _DEADLINE_S, _FIRST_PAUSE_S
        told: Refused | None = None
        while True:
            late = loop.time() + pause_s > deadline
            try:
                answers = await self._try(commands, deadline, repeatable)
                if late or not any(map(_passing, answers)):
                    return answers
            except Refused as refused:
                if late or not _passing(refused):
                    raise
                told = refused
            except _Unreached as lost:
                if late:
                    silent = Silent(f"{self.name} does not answer{lost}.", lost.remedy)
                    raise (told or silent) from lost.__cause__
                commands = later or commands
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _try(
        self, commands: Sequence[Command], deadline: float, repeatable: bool
    ) -> list[Any]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + _TRY_S)):
                connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        except exceptions.RedisError as error:
            raise _why_not(self.name, error, self._tls) from error
        except OSError as error:  # ours, of the timeout, as well
            raise _Unreached("", _HANDSHAKE if self._tls else _RUNNING) from error
        try:
            async with asyncio.timeout_at(loop.time() + _TRY_S if repeatable else deadline):
                return await self._exchange(connection, commands)
        except _ANSWERS as error:
            raise refusal(self.name, error) from error
        except _LOST as error:
            if repeatable:
                raise _Unreached from error
            raise Unavailable(
                f"{self.name} was asked and did not answer: it may have happened all the same.",
                away=True,
            ) from error
        except exceptions.RedisError as error:
            raise refusal(self.name, error) from error
        finally:
            await self._pool.release(connection)

    async def _exchange(
        self, connection: AbstractConnection, commands: Sequence[Command]
    ) -> list[Any]:
        await connection.send_packed_command(connection.pack_commands(commands))
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except exceptions.NoScriptError:
                raise _Unknown from None
            except exceptions.ResponseError as error:
                answers.append(refusal(self.name, error))
        return answers


class _Unknown(Exception):
    """The server has not seen the script yet."""


class _Unreached(Exception):
    """The server does not know of the call, or may hear of it again. Why, where that is known, and
    what its owner may look at."""

    def __init__(self, why: str = "", remedy: str = _RUNNING) -> None:
        super().__init__(why)
        self.remedy = remedy


def _why_not(name: str, error: exceptions.RedisError, tls: bool) -> Exception:
    """Why there is no connection: the server refuses one, or cannot be reached."""
    told = refusal(name, error)
    if told.kind != "other" or not isinstance(error, _LOST):
        return told
    reason = error.__context__
    if isinstance(reason, socket.gaierror):
        return _Unreached(": its name is not known")
    if isinstance(error, exceptions.TimeoutError) or isinstance(reason, TimeoutError):
        return _Unreached("", _HANDSHAKE if tls else _RUNNING)
    number = reason.errno if isinstance(reason, OSError) else None
    if number in (None, errno.ECONNRESET, errno.EPIPE):
        return _Unreached(": it closes the connection", _HANDSHAKE if tls else _CLOSES)
    return _Unreached(f": {os.strerror(number).lower()}")


def _passing(answer: object) -> bool:
    return isinstance(answer, Refused) and answer.kind == "passing"
