"""Stands before the app of a gateway whose carriers do not answer yet: the process lives, says
that it is not ready, and asks everybody else to come again.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from twicetold.errors import Unavailable
from twicetold.gateway.problems import error_response
from twicetold.observe.health import Health


class Gate:
    """ASGI. ``open`` lets everything through to the app, which from then on answers for itself."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._app: ASGIApp | None = None

    def open(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:
            await self._app(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        if scope["type"] == "http" and await self._health.answered(path, send):
            return
        # To a WebSocket as well: the server turns its handshake down with it.
        unready = Unavailable("The gateway is starting.", "Try again in a moment.")
        await error_response(unready)(scope, receive, send)
