"""``GET /v1/calls/{id}/insights``: what a call is worth, besides its words."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from twicetold.errors import TranscriptNotReady
from twicetold.gateway.auth import platform_of
from twicetold.gateway.insights_body import InsightsBody
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, TicketScope
from twicetold.gateway.tickets import tenant_or_ticket
from twicetold.speech.identity import CallKey

log = structlog.get_logger()

_AGAIN = "'twicetold jobs retry CALL --again' makes them anew."

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
            f"Follow GET /v1/calls/{call_id}/events, or wait until the call's status is 'done'.",
        )
    about = {"call_id": call_id, "revision": call.canonical_revision}
    return insights_body({**found, **about})


def insights_body(found: dict[str, Any]) -> InsightsBody:
    """What another version has kept in another form is left out, and all else served."""
    try:
        return InsightsBody.model_validate(found)
    except ValidationError as error:
        odd = {str(each["loc"][0]) for each in error.errors(include_input=False)}
        log.warning("insights_of_another_form", parts=sorted(odd), hint=_AGAIN)
        return InsightsBody.model_validate({n: v for n, v in found.items() if n not in odd})
