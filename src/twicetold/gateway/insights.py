"""``GET /v1/calls/{id}/insights``: what a call is worth, besides its words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from twicetold.errors import TranscriptNotReady
from twicetold.gateway.auth import platform_of
from twicetold.gateway.insights_body import InsightsBody
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, TicketScope
from twicetold.gateway.tickets import tenant_or_ticket
from twicetold.speech.identity import CallKey

router = APIRouter(tags=["calls"])


@router.get("/v1/calls/{call_id}/insights", responses=ERRORS)
async def insights(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(tenant_or_ticket(TicketScope.CAPTIONS))],
    ticket: Annotated[str | None, Query(description="Instead of a key.")] = None,
) -> InsightsBody:
    """Who spoke how much, how it went, what was removed, which rules matched, and the score with
    its reasons: of the canonical transcript."""
    platform, key = platform_of(request), CallKey.checked(tenant, call_id)
    call = await find_call(platform, key)
    found = await platform.transcripts.insights(key)
    if found is None or call.canonical_revision is None:
        raise TranscriptNotReady(
            f"Call {call_id} has no canonical transcript yet.",
            "Follow GET /v1/calls/{id}/events, or wait until the call's status is 'done'.",
        )
    about = {"call_id": call_id, "revision": call.canonical_revision}
    return InsightsBody.model_validate(found | about)
