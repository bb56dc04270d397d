"""Tickets: short-lived proofs for what can send no header (EventSource, ``<audio>``).

A ticket names its tenant and its end, and is signed for one call with a secret that this
process made at its start: it opens that call's events and audio and nothing else, dies with
the tenant's key, and with the process.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from twicetold.errors import Unauthorized
from twicetold.gateway.auth import guard_open_mode, platform_of, tenant_of
from twicetold.gateway.schemas import ERRORS, TenantBody, Ticket, TicketRequest
from twicetold.speech.identity import CallKey
from twicetold.tenants import Tenants

LIFETIME_S = 300

router = APIRouter(tags=["access"])


class Tickets:
    """Makes and checks tickets. ``clock`` gives Unix seconds."""

    def __init__(self, tenants: Tenants, clock: Callable[[], float] = time.time) -> None:
        self._tenants, self._clock = tenants, clock
        self._secret = secrets.token_bytes(32)

    def issue(self, key: CallKey) -> str:
        """A ticket for one call. Raises Unauthorized where the tenant is no more."""
        expires = str(int(self._clock()) + LIFETIME_S)
        return f"{key.tenant}~{expires}~{self._sign(key, expires)}"

    def tenant(self, ticket: str, call_id: str) -> str:
        """Whose ticket it is. Raises Unauthorized unless it is valid, for this call, now."""
        tenant, _, rest = ticket.partition("~")
        expires, _, signature = rest.partition("~")
        genuine = self._sign(CallKey(tenant, call_id), expires).encode()
        if not hmac.compare_digest(genuine, signature.encode("utf-8", "replace")):
            raise Unauthorized("The ticket is not valid for this call.", _AGAIN)
        if int(expires) < self._clock():
            raise Unauthorized("The ticket has run out.", _AGAIN)
        return tenant

    def _sign(self, key: CallKey, expires: str) -> str:
        stamp = self._tenants.stamp(key.tenant)
        if stamp is None:
            raise Unauthorized("The ticket is not valid for this call.", _AGAIN)
        text = "\0".join((key.tenant, key.call_id, expires, stamp)).encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


_AGAIN = "Get a new one with POST /v1/tickets."


async def tenant_or_ticket(request: Request) -> str:
    """Dependency of routes that also take ``?ticket=``: the tenant, from key or ticket."""
    ticket = request.query_params.get("ticket")
    if ticket is None or request.method not in ("GET", "HEAD"):
        return await tenant_of(request)
    guard_open_mode(request, platform_of(request).tenants)
    tickets: Tickets = request.app.state.tickets
    return tickets.tenant(ticket, str(request.path_params.get("call_id")))


@router.post("/v1/tickets", status_code=201, responses=ERRORS)
async def make_ticket(
    wish: TicketRequest, request: Request, tenant: Annotated[str, Depends(tenant_of)]
) -> Ticket:
    """Get a ticket for one call's events and audio, good for five minutes.

    Append it as `?ticket=` where no header can be sent: `EventSource`, `<audio>`.
    """
    tickets: Tickets = request.app.state.tickets
    key = CallKey.checked(tenant, wish.call_id)
    return Ticket(ticket=tickets.issue(key), expires_in_s=LIFETIME_S)


@router.get("/v1/tenant", responses=ERRORS)
async def who_am_i(request: Request, tenant: Annotated[str, Depends(tenant_of)]) -> TenantBody:
    """The tenant that the request's key belongs to."""
    is_open = platform_of(request).tenants.open_mode
    return TenantBody(tenant=tenant, authentication="open" if is_open else "key")
