"""Who is asking: the tenant, from the credential alone, for HTTP and for WebSockets."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, WebSocket
from fastapi.requests import HTTPConnection

from twicetold.errors import Forbidden
from twicetold.gateway.context import Platform
from twicetold.tenants import KEY_SUBPROTOCOL, Tenant, Tenants, is_loopback

__all__ = [
    "KEY_SUBPROTOCOL",
    "SUBPROTOCOL",
    "Tenant",
    "Tenants",
    "guard_open_mode",
    "platform_of",
    "tenant_of",
    "tenant_of_socket",
]

SUBPROTOCOL = "twicetold.v1"

_OPEN_HINT = (
    "Without a tenants file the server answers this machine only, at http://127.0.0.1 or "
    "http://localhost. For others: twicetold tenants add NAME"
)


def platform_of(connection: HTTPConnection) -> Platform:
    """What the resources work with."""
    platform: Platform = connection.app.state.platform
    return platform


async def tenant_of(request: Request) -> str:
    """Dependency: the tenant of the request's key. Raises Unauthorized or Forbidden."""
    tenants = platform_of(request).tenants
    guard_open_mode(request, tenants)
    return tenants.authenticate(request.headers.get("authorization"), ())


def tenant_of_socket(websocket: WebSocket) -> tuple[str, str | None]:
    """The tenant, and the subprotocol to accept with. Raises Unauthorized or Forbidden.

    A browser, which cannot send headers here, offers ``twicetold.v1`` and ``twicetold.key.KEY``.
    """
    tenants = platform_of(websocket).tenants
    guard_open_mode(websocket, tenants)
    offered = websocket.scope.get("subprotocols", [])
    tenant = tenants.authenticate(websocket.headers.get("authorization"), offered)
    return tenant, SUBPROTOCOL if SUBPROTOCOL in offered else None


def guard_open_mode(connection: HTTPConnection, tenants: Tenants) -> None:
    """Where nobody shows a key, take only what comes from this machine, by its own name.

    A browser sends a hostile page's requests from this very machine: its Origin gives it away,
    or, where the page's name was made to point here (DNS rebinding), the Host.
    """
    if not tenants.open_mode:
        return
    if not _is_this_machine(f"//{connection.headers.get('host', '')}"):
        raise Forbidden("The request names another host than this machine.", _OPEN_HINT)
    origin = connection.headers.get("origin")
    if origin is not None and not _is_this_machine(origin):
        raise Forbidden("The request comes from a page of another origin.", _OPEN_HINT)


def _is_this_machine(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False
