"""``GET /v1/search``: what was said, by whom it was said, and when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from twicetold.errors import BadParameter
from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.schemas import ERRORS, HitsBody
from twicetold.gateway.withholding import redacts

router = APIRouter(tags=["search"])

_LONGEST_QUERY = 500


@router.get("/v1/search", responses=ERRORS)
async def search(
    request: Request,
    tenant: Annotated[str, Depends(tenant_of)],
    q: Annotated[
        str,
        Query(
            description='Words that a segment holds; "…" for a phrase, a trailing * for a prefix.',
            max_length=_LONGEST_QUERY,
            examples=['"order number" refund*'],
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
) -> HitsBody:
    """Search the best version of each of the tenant's calls."""
    if not q.strip():
        raise BadParameter("q got nothing.", "It takes the words to look for.")
    platform = platform_of(request)
    safe_only = redacts(platform, tenant)
    found = await platform.transcripts.search(tenant, q, limit, cursor, safe_only=safe_only)
    return HitsBody.of(found)
