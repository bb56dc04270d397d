"""Shadows: what another engine made of a tenant's recordings, beside their transcripts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from enum import StrEnum
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from twicetold.errors import SwapLost, TranscriptNotFound
from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, SegmentBody
from twicetold.gateway.withholding import redacts, refuse_unsafe
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment
from twicetold.transcripts import Shadow, Transcripts

router = APIRouter(tags=["shadows"])

Tenant = Annotated[str, Depends(tenant_of)]

_NAMED = {"call_id", "mode"}
_ATTEMPTS = 3
# What a segment says only where it is otherwise.
_PLAIN = {"failed": False, "engine": "", "sentiment": None}
_NONE = "It is made after the canonical transcript, where the tenant has a shadow engine."


class Mode(StrEnum):
    BATCH = "batch"
    LIVE = "live"


class ShadowBody(BaseModel):
    """How far a shadow engine's text is from a call's canonical transcript."""

    call_id: str
    mode: Mode = Field(description="The pass that was shadowed; live: the recording was played.")
    engine: str
    canonical_engine: str
    revision: str = Field(description="Of the canonical transcript that it was compared with.")
    stale: bool = Field(description="Another canonical transcript stands by now.")
    language: str
    normaliser: str = Field(description="What the words went through before they were counted.")
    words: int
    canonical_words: int
    substitutions: int
    insertions: int
    deletions: int
    difference: float = Field(description="Substitutions, insertions and deletions a word.")
    audio_s: float
    compute_s: float
    rtfx: float | None = Field(description="Audio seconds for each second of computing.")
    made_at: float = Field(description="Unix seconds.")
    draft_wer: float | None = Field(
        description="How far the call's draft is from the canonical transcript."
    )

    @classmethod
    def of(cls, shadow: Shadow) -> Self:
        told = {name: getattr(shadow, name) for name in cls.model_fields.keys() - _NAMED}
        return cls(call_id=shadow.key.call_id, mode=Mode(shadow.pass_), **told)


class ShadowsBody(BaseModel):
    """Shadows, the newest first. `cursor` asks for the next page; null on the last."""

    shadows: list[ShadowBody]
    cursor: str | None


class ShadowTextBody(ShadowBody):
    """One call's shadow, with what its engine heard. It is no version of the transcript."""

    segments: list[SegmentBody]


@router.get("/v1/shadows", responses=ERRORS)
async def list_shadows(
    request: Request,
    tenant: Tenant,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
) -> ShadowsBody:
    """How the shadow engine did on the tenant's calls, call by call."""
    page = await platform_of(request).transcripts.shadows(tenant, limit, cursor)
    return ShadowsBody(shadows=[ShadowBody.of(each) for each in page.shadows], cursor=page.cursor)


@router.get("/v1/calls/{call_id}/shadow", responses=ERRORS, response_model=ShadowTextBody)
async def show_shadow(
    call_id: str,
    request: Request,
    tenant: Tenant,
    mode: Annotated[Mode, Query(description="Which of its shadows.")] = Mode.BATCH,
) -> Response:
    """A call's shadow: its figures and its text."""
    platform, key = platform_of(request), CallKey.checked(tenant, call_id)
    await find_call(platform, key)
    shadow, segments = await _read(platform.transcripts, key, mode)
    if redacts(platform, tenant):
        refuse_unsafe(key, segments)
    content = await asyncio.to_thread(_rendered, shadow, segments)
    return Response(content, media_type="application/json")


async def _read(transcripts: Transcripts, key: CallKey, mode: Mode) -> tuple[Shadow, list[Segment]]:
    """Figures and text of one shadow, not of two. Raises TranscriptNotFound, or SwapLost where it
    is replaced again and again."""
    for _ in range(_ATTEMPTS):
        shadow = await transcripts.shadow(key, mode)
        if shadow is None:
            raise TranscriptNotFound(f"Call {key.call_id} has no {mode} shadow.", _NONE)
        with contextlib.suppress(SwapLost):
            segments = [segment async for segment in transcripts.shadow_segments(key, mode)]
            if await transcripts.shadow(key, mode) == shadow:
                return shadow, segments
    raise SwapLost(f"The shadow of call {key.call_id} was replaced while it was read.")


def _rendered(shadow: Shadow, segments: list[Segment]) -> bytes:
    """In a thread: a call may have a hundred thousand words."""
    body = ShadowBody.of(shadow).model_dump()
    body["segments"] = [{**_PLAIN, **segment.to_dict()} for segment in segments]
    return json.dumps(body, ensure_ascii=False).encode()
