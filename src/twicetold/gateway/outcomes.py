"""``PUT /v1/calls/{id}/outcomes``: what came of a call, for its lead score to count."""

from __future__ import annotations

import asyncio
import unicodedata
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from twicetold.enrich.leads import with_outcomes
from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.schemas import ERRORS
from twicetold.speech.identity import CallKey
from twicetold.transcripts.outcomes import Counted, settle_outcomes

router = APIRouter(tags=["calls"])

MOST_OUTCOMES, LONGEST = 20, 80


def _printed(text: str) -> str:
    """What a terminal would heed, or what turns writing round, is no name and no value."""
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in text):
        raise ValueError("It takes no control characters")
    return text


def _told_once(told: object) -> object:
    """Without the blanks around them, names may be the same: one value would be lost."""
    if isinstance(told, dict) and len({str(name).strip() for name in told}) < len(told):
        raise ValueError("It takes each name once")
    return told


# Without the blanks around them, as in a rubric.
_Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST),
    AfterValidator(_printed),
]
_TOLD: dict[str, JsonValue] = {"next_step": "demo"}
Outcomes = Annotated[
    Annotated[dict[_Text, _Text], Field(max_length=MOST_OUTCOMES), BeforeValidator(_told_once)],
    Body(examples=[_TOLD], description="Values by names."),
]


class OutcomesBody(BaseModel):
    """What came of a call, and whether its lead score counts that."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcomes": _TOLD, "counted": "yes", "lead_score": 74}]}
    )

    outcomes: dict[str, str]
    counted: Counted = Field(
        description="`yes`: the score counts them. `later`: there is no canonical transcript; its "
        "score will. `not_scored`: the one that stands has no score. `other_rubric`: its score is "
        "by a rubric that is not the tenant's now, and was left as it is."
    )
    lead_score: float | None = Field(description="As it is now, from 0 to 100.")


async def _key_of(call_id: str, tenant: Annotated[str, Depends(tenant_of)]) -> CallKey:
    """Refuses an id that is none before anything is said of the body."""
    return CallKey.checked(tenant, call_id)


@router.put("/v1/calls/{call_id}/outcomes", responses=ERRORS)
async def set_outcomes(
    outcomes: Outcomes, request: Request, key: Annotated[CallKey, Depends(_key_of)]
) -> OutcomesBody:
    """Say what came of a call, in the place of what was said before; `{}` forgets it. The rubric's
    rules on outcomes are judged anew, and nothing else; no webhook is sent."""
    platform = platform_of(request)
    rubric = await asyncio.to_thread(platform.rubric, key.tenant)
    rescored = partial(with_outcomes, rubric=rubric)
    counted, score = await settle_outcomes(platform.transcripts, key, rescored, outcomes)
    return OutcomesBody(outcomes=outcomes, counted=counted, lead_score=score)
