"""``GET /v1/usage``: what a tenant's calls used, and what that cost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from twicetold.errors import BadParameter
from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.problems import shown
from twicetold.gateway.schemas import ERRORS
from twicetold.gateway.usage_body import UsageBody
from twicetold.transcripts.usage import UsageFilter, UsageGroup

router = APIRouter(tags=["usage"])

_USUAL_DAYS = 30
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


@router.get("/v1/usage", responses=ERRORS)
async def usage(
    request: Request,
    tenant: Annotated[str, Depends(tenant_of)],
    first: Annotated[
        str | None,
        Query(alias="from", pattern=_DAY, description="First day, in UTC; else 30 days ago."),
    ] = None,
    last: Annotated[
        str | None, Query(alias="to", pattern=_DAY, description="Last day, in UTC; else today.")
    ] = None,
    group: Annotated[
        str,
        Query(
            max_length=100,
            description="What it is added up by: day, tenant, call, pass, engine, model, device; "
            "several with commas between them.",
            examples=["day,engine,pass"],
        ),
    ] = "day",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
) -> UsageBody:
    """Audio and compute seconds of the tenant's calls, tokens of language models, also of calls
    that were deleted since, and what they cost. A call's audio counts once for each pass, its
    computing and its tokens for every attempt."""
    platform = platform_of(request)
    days = _days(first, last)
    by = _groups(group)
    only = UsageFilter(tenant, *(day.isoformat() for day in days))
    page = await platform.transcripts.usage(only, by, limit, cursor)
    return UsageBody.of(page, only, platform.settings.currency)


def _groups(text: str) -> list[UsageGroup]:
    """Raises BadParameter."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = ", ".join(UsageGroup)
    for name in names:
        if name not in list(UsageGroup):
            raise BadParameter(f"group got {shown(name)}.", f"It takes of these: {known}.")
    return [UsageGroup(name) for name in dict.fromkeys(names)]


def _days(first: str | None, last: str | None) -> tuple[date, date]:
    """Raises BadParameter."""
    until = datetime.now(UTC).date() if last is None else _day("to", last)
    if first is not None:
        since = _day("from", first)
    else:
        since = date.fromordinal(max(1, until.toordinal() - _USUAL_DAYS + 1))
    if since > until:
        raise BadParameter(f"from got {since}, which is after to, {until}.", "Give them in order.")
    return since, until


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameter(
            f"{name} got {shown(text)}.", f"It takes a day, such as {_yesterday()}."
        ) from None


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)
