"""Tickets: proofs for what can send no header (EventSource, ``<audio>``) or has no key (a link).

A ticket names its tenant, its end and its scope, and is signed for one call with a secret that
lies in the data directory: it opens what its scope says of that call and nothing else, and dies
with the tenant's key. It outlives a restart, as a screen on a wall is to go on after one.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request

import twicetold
from twicetold.errors import Unauthorized
from twicetold.gateway.auth import guard_open_mode, platform_of, tenant_of
from twicetold.gateway.schemas import ERRORS, TenantBody, Ticket, TicketRequest, TicketScope
from twicetold.speech.identity import CallKey
from twicetold.tenants import Tenants

LIFETIME_S = 300

router = APIRouter(tags=["access"])


class Tickets:
    """Makes and checks tickets. ``clock`` gives Unix seconds."""

    def __init__(
        self, tenants: Tenants, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._tenants, self._secret, self._clock = tenants, secret, clock

    def issue(
        self, key: CallKey, scope: TicketScope = TicketScope.MEDIA, lifetime_s: int = LIFETIME_S
    ) -> str:
        """A ticket for one call. Raises Unauthorized where the tenant is no more."""
        expires = str(int(self._clock()) + lifetime_s)
        return f"{key.tenant}~{expires}~{scope}~{self._sign(key, expires, scope)}"

    def tenant(self, ticket: str, call_id: str, *scopes: TicketScope) -> str:
        """Whose ticket it is. Raises Unauthorized unless it opens one of these, of this call."""
        tenant, expires, named, signature = (ticket.split("~") + [""] * 4)[:4]
        genuine = self._sign(CallKey(tenant, call_id), expires, named).encode()
        if not hmac.compare_digest(genuine, signature.encode("utf-8", "replace")):
            raise Unauthorized("The ticket is not valid for this call.", _AGAIN)
        if int(expires) < self._clock():
            raise Unauthorized("The ticket has run out.", _AGAIN)
        if named not in scopes:
            raise Unauthorized("The ticket is for something else of this call.", _AGAIN)
        return tenant

    def _sign(self, key: CallKey, expires: str, scope: str) -> str:
        stamp = self._tenants.stamp(key.tenant)
        if stamp is None:
            raise Unauthorized("The ticket is not valid for this call.", _AGAIN)
        text = "\0".join((key.tenant, key.call_id, expires, scope, stamp))
        return hmac.new(self._secret, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def scope_of(ticket: str) -> str:
    """What a ticket that was found to be good opens."""
    return ticket.split("~")[2]


_AGAIN = "Get a new one with POST /v1/tickets."


def tenant_or_ticket(*scopes: TicketScope) -> Callable[[Request], Awaitable[str]]:
    """Dependency of routes that also take ``?ticket=`` of these scopes: the tenant."""

    async def tenant(request: Request) -> str:
        ticket = request.query_params.get("ticket")
        if ticket is None or request.method not in ("GET", "HEAD"):
            return await tenant_of(request)
        guard_open_mode(request, platform_of(request).tenants)
        tickets: Tickets = request.app.state.tickets
        return tickets.tenant(ticket, str(request.path_params.get("call_id")), *scopes)

    return tenant


@router.post("/v1/tickets", status_code=201, responses=ERRORS)
async def make_ticket(
    wish: TicketRequest, request: Request, tenant: Annotated[str, Depends(tenant_of)]
) -> Ticket:
    """Get a ticket for one call: to append as `?ticket=` where no header can be sent
    (`EventSource`, `<audio>`), or to give to others who may read along."""
    tickets: Tickets = request.app.state.tickets
    key = CallKey.checked(tenant, wish.call_id)
    ticket = tickets.issue(key, wish.scope, wish.expires_in_s)
    return Ticket(ticket=ticket, expires_in_s=wish.expires_in_s)


@router.get("/v1/tenant", responses=ERRORS)
async def who_am_i(request: Request, tenant: Annotated[str, Depends(tenant_of)]) -> TenantBody:
    """The tenant that the request's key belongs to, and what a front end should know."""
    platform = platform_of(request)
    return TenantBody(
        tenant=tenant,
        authentication="open" if platform.tenants.open_mode else "key",
        version=twicetold.__version__,
        language=platform.settings.language,
        max_upload_mb=platform.settings.max_upload_mb,
        abandon_after_s=platform.settings.abandon_after_s,
        live_engine=platform.live_engine.name,
        batch_engine=platform.batch_engine.name,
    )
