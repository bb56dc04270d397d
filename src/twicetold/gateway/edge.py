"""The outermost layer of every HTTP exchange: headers, the size of bodies, and what nobody foresaw.

Plain ASGI, so that streams stay streams and a client that leaves is noticed.
"""

from __future__ import annotations

import secrets
import traceback

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twicetold.errors import MessageTooLarge
from twicetold.gateway.problems import error_response, problem

log = structlog.get_logger()

_LARGEST_BODY_BYTES = 64 * 1024
_UPLOADS = "/v1/recordings/"  # their size is theirs to judge
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # What people said is kept here and nowhere on the way.
    "Cache-Control": "no-store",
}
_FRAMES = 12


class BrokenOff(Exception):
    """A response could not be finished; raised so that the server cuts the connection."""


class Edge:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        broken: str | None = None
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            pass  # nobody is left to be told
        except Exception as error:  # noqa: BLE001 - the last place before the server itself
            broken = _note(error)
        if exchange.too_large and not exchange.started:
            limit_kib = _LARGEST_BODY_BYTES // 1024
            refusal = MessageTooLarge(
                f"The body is larger than {limit_kib} KiB.", "Recordings: PUT /v1/recordings/ID."
            )
            await error_response(refusal)(scope, receive, exchange.answer)
        elif broken is not None and not exchange.started:
            await _internal_error(broken)(scope, receive, exchange.answer)
        elif broken is not None:
            raise BrokenOff(f"response broken off; see error {broken} in the log") from None


class _Exchange:
    """One request and its response, watched on their way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        self._left = None if path.startswith(_UPLOADS) else _LARGEST_BODY_BYTES
        self.started = self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        if self._left is not None and message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.too_large = True
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if not self.too_large:
            await self.answer(message)

    async def answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _note(error: Exception) -> str:
    """Log where it happened, never what it says: messages may quote what people said."""
    error_id = secrets.token_hex(6)
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    log.error(
        "internal_error",
        error_id=error_id,
        kind=f"{type(error).__module__}.{type(error).__qualname__}",
        where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )
    return error_id


def _internal_error(error_id: str) -> ASGIApp:
    return problem(
        500,
        "internal_error",
        f"The server made a mistake; its log calls it {error_id}.",
        "Try again; if it stays, tell whoever runs the server this number.",
        retryable=True,
    )
