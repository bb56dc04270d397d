"""How a process is reached: a listening socket, and uvicorn on it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from twicetold.errors import PortInUse, SettingError, TwicetoldError, Unavailable
from twicetold.wiring.sockets import Http, WebSockets

App = Callable[..., Any]  # an ASGI application

_GRACE_S = 5.0
_IDLE_S = 5
_LARGEST_WEBSOCKET_MESSAGE = 8 * 1024 * 1024  # the gateway itself refuses above 1 MiB, in words
_BACKLOG = 2048
_HOST_HINT = "Use 127.0.0.1, an address of this machine, or 0.0.0.0 for all of them."


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortInUse, SettingError or Unavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)  # at once: bound only, the port could be bound a second time
    except (OSError, UnicodeError) as error:
        listening.close()
        raise _cannot_listen(host, port, error) from error
    return listening


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> TwicetoldError:
    if isinstance(error, UnicodeError | socket.gaierror):
        return SettingError(f"host got {host!r}, of which no address is known.", _HOST_HINT)
    reason = f"Cannot listen on {host} port {port}: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return PortInUse(reason)
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return SettingError(f"host got {host!r}, which is no address of this machine.", _HOST_HINT)
    if error.errno in (errno.EACCES, errno.EPERM):
        return SettingError(reason, "Ports below 1024 need rights; choose another with --port.")
    return Unavailable(reason)


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn, telling when it is up, and leaving signals to us so that the carriers are closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """An app that is served; ``ended`` is done when that is over, however it came to be."""

    def __init__(self, server: uvicorn.Server, ended: asyncio.Task[None]) -> None:
        self._server, self.ended = server, ended

    async def stop(self) -> None:
        """Let nobody new in, tell sockets that the server restarts (1012), and give requests in
        hand their time. May be called twice."""
        self._server.should_exit = True
        await asyncio.wait([self.ended])


@asynccontextmanager
async def served(
    app: App, listening: socket.socket, *, grace_s: float = _GRACE_S
) -> AsyncIterator[Serving]:
    """The app served on the socket for as long as the block runs; requests that are in hand at
    its end get ``grace_s``."""
    server = Server(uvicorn_config(app, grace_s=grace_s))
    ended = asyncio.create_task(server.serve(sockets=[listening]), name="serving")
    serving = Serving(server, ended)
    try:
        await server.up.wait()
        yield serving
    finally:
        await serving.stop()


def uvicorn_config(
    app: App, *, host: str = "127.0.0.1", port: int = 0, grace_s: float = _GRACE_S
) -> uvicorn.Config:
    """How an app is served; ``host`` and ``port`` are not used where a socket is given.

    Its lifespan is for whoever made it to run: it needs carriers, which come later and go earlier.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Http,
        ws=WebSockets,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        ws_max_size=_LARGEST_WEBSOCKET_MESSAGE,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=max(1, round(grace_s)),
        # An idle connection holds one of the file descriptors that calls need. Not
        # limit_concurrency: that counts calls as well, and would shut /healthz out with them.
        timeout_keep_alive=_IDLE_S,
        server_header=False,
    )
