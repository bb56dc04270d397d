"""Calls: listing them, looking at one, and deleting it for good."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.conditions import matches
from twicetold.gateway.deletion import Deletions
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, CallBody, CallsBody, TicketScope
from twicetold.gateway.tickets import tenant_or_ticket
from twicetold.speech.identity import CallKey
from twicetold.transcripts import CallFilter, Status

router = APIRouter(tags=["calls"])

Tenant = Annotated[str, Depends(tenant_of)]
_MOMENT = Query(allow_inf_nan=False, description="Unix seconds.")


@router.get("/v1/calls", responses=ERRORS, response_model=CallsBody)
async def list_calls(
    request: Request,
    tenant: Tenant,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
    status: Annotated[Status | None, Query(description="Only calls in this state.")] = None,
    source: Annotated[Literal["live", "upload", "drop"] | None, Query()] = None,
    id: Annotated[
        str | None, Query(max_length=128, description="Text that the call's id holds.")
    ] = None,
    started_after: Annotated[float | None, _MOMENT] = None,
    started_before: Annotated[float | None, _MOMENT] = None,
) -> Response:
    """The tenant's calls, newest first. With `If-None-Match`: 304 while nothing has changed."""
    only = CallFilter(status, source, id, started_after, started_before)
    page = await platform_of(request).transcripts.calls(tenant, limit, cursor, only)
    found = CallsBody(calls=[CallBody.of(call) for call in page.calls], cursor=page.cursor)
    content = found.model_dump_json().encode()
    headers = {"ETag": f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


@router.get("/v1/calls/{call_id}", responses=ERRORS)
async def show_call(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(tenant_or_ticket(TicketScope.CAPTIONS))],
    ticket: Annotated[str | None, Query(description="Instead of a key.")] = None,
) -> CallBody:
    """One call: its state, its times, and how the draft compares with the canonical transcript."""
    call = await find_call(platform_of(request), CallKey.checked(tenant, call_id))
    if ticket is not None:  # guests read along; what came of it is the house's own
        call = replace(call, outcomes={})
    return CallBody.of(call)


@router.delete("/v1/calls/{call_id}", status_code=204, responses=ERRORS)
async def remove_call(call_id: str, request: Request, tenant: Tenant) -> Response:
    """Delete all that is kept of a call: sound, text, jobs. Its id is not used again.

    A running call ends. May be repeated, which also finishes a deletion that was cut short.
    """
    deletions: Deletions = request.app.state.deletions
    await deletions.delete(CallKey.checked(tenant, call_id))
    return Response(status_code=204)
