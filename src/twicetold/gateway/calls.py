"""Calls: listing them, looking at one, and deleting it for good."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.deletion import Deletions
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, CallBody, CallsBody
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Status

router = APIRouter(tags=["calls"])

Tenant = Annotated[str, Depends(tenant_of)]


@router.get("/v1/calls", responses=ERRORS)
async def list_calls(
    request: Request,
    tenant: Tenant,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
    status: Annotated[Status | None, Query(description="Only calls in this state.")] = None,
    source: Annotated[Literal["live", "upload", "drop"] | None, Query()] = None,
) -> CallsBody:
    """The tenant's calls, newest first."""
    page = await platform_of(request).transcripts.calls(tenant, limit, cursor, status, source)
    return CallsBody(calls=[CallBody.of(call) for call in page.calls], cursor=page.cursor)


@router.get("/v1/calls/{call_id}", responses=ERRORS)
async def show_call(call_id: str, request: Request, tenant: Tenant) -> CallBody:
    """One call: its state, its times, and how the draft compares with the canonical transcript."""
    return CallBody.of(await find_call(platform_of(request), CallKey.checked(tenant, call_id)))


@router.delete("/v1/calls/{call_id}", status_code=204, responses=ERRORS)
async def remove_call(call_id: str, request: Request, tenant: Tenant) -> Response:
    """Delete all that is kept of a call: sound, text, jobs. Its id is not used again.

    A running call ends. May be repeated, which also finishes a deletion that was cut short.
    """
    deletions: Deletions = request.app.state.deletions
    await deletions.delete(CallKey.checked(tenant, call_id))
    return Response(status_code=204)
