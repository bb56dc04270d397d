"""``GET /v1/calls/{id}/transcript``: one whole version, as data, text or subtitles.

All segments are read before the first byte is sent, so that a canonical transcript that is
replaced meanwhile can be read again from its start: nobody sees parts of two.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from twicetold.errors import SwapLost, TranscriptNotFound, TranscriptNotReady, TwicetoldError
from twicetold.gateway.auth import platform_of
from twicetold.gateway.conditions import matches
from twicetold.gateway.context import Platform
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, TicketScope, TranscriptBody
from twicetold.gateway.tickets import tenant_or_ticket
from twicetold.gateway.withholding import redacts, refuse_unsafe, shown_draft
from twicetold.speech.identity import CallKey
from twicetold.speech.subtitles import to_srt, to_txt, to_vtt
from twicetold.speech.transcript import Segment
from twicetold.transcripts import Call, Status, Version

router = APIRouter(tags=["calls"])

_ATTEMPTS = 5
_PIECES_AT_ONCE = 16


class Wanted(StrEnum):
    BEST = "best"
    DRAFT = "draft"
    CANONICAL = "canonical"


class Format(StrEnum):
    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"


_MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.TXT: "text/plain; charset=utf-8",
    Format.SRT: "application/x-subrip; charset=utf-8",
    Format.VTT: "text/vtt; charset=utf-8",
}
_RESPONSES = {
    **ERRORS,
    200: {
        "model": TranscriptBody,
        "description": "The transcript. ETag names its version and revision.",
        "content": {
            "text/plain": {"example": "good morning\nhow can i help\n"},
            "application/x-subrip": {"example": "1\n00:00:00,420 --> 00:00:01,900\ngood morning\n"},
            "text/vtt": {"example": "WEBVTT\n\n00:00:00.420 --> 00:00:01.900\ngood morning\n"},
        },
    },
    304: {"description": "The client has it already (If-None-Match)."},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One version of a call's transcript. ``segments`` is None where the client has it already."""

    call: Call
    version: Version
    revision: str
    segments: list[Segment] | None

    def head(self) -> dict[str, object]:
        canonical = self.version is Version.CANONICAL
        return {
            "call_id": self.call.key.call_id,
            "version": self.version.value,
            "revision": self.revision,
            "engine": self.call.canonical_engine if canonical else self.call.draft_engine,
            "language": self.call.language,
            "length_s": self.call.length_s,
        }


@router.get(
    "/v1/calls/{call_id}/transcript", responses=_RESPONSES, response_class=StreamingResponse
)
async def transcript(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(tenant_or_ticket(TicketScope.CAPTIONS))],
    version: Annotated[
        Wanted, Query(description="best: the canonical transcript where it stands, else the draft.")
    ] = Wanted.BEST,
    format: Annotated[Format, Query(description="json, plain text or subtitles.")] = Format.JSON,
    ticket: Annotated[str | None, Query(description="Instead of a key.")] = None,
) -> Response:
    """The whole draft or the whole canonical transcript."""
    key = CallKey.checked(tenant, call_id)
    held = request.headers.get("if-none-match")
    reading = await _read(platform_of(request), key, version, format, held)
    headers = {"ETag": _etag(reading.version, reading.revision, format), "Vary": "Authorization"}
    if reading.segments is None:
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = _MEDIA_TYPES[format]
    return StreamingResponse(_in_turns(_render(reading, reading.segments, format)), headers=headers)


async def _read(
    platform: Platform, key: CallKey, wanted: Wanted, form: Format, held: str | None
) -> Reading:
    """Read until a version was the same from first to last. Raises TranscriptNotReady."""
    for _ in range(_ATTEMPTS):
        call = await find_call(platform, key)
        version = _choose(call, wanted)
        if version is Version.CANONICAL:
            revision = str(call.canonical_revision)
            if matches(held, _etag(version, revision, form)):
                return Reading(call, version, revision, None)
        try:
            segments = [segment async for segment in platform.transcripts.segments(key, version)]
        except SwapLost:
            continue
        if redacts(platform, key.tenant):
            segments = _shown(key, version, segments)
        if version is Version.CANONICAL:
            after = await find_call(platform, key)
            if after.canonical_revision == revision:
                return Reading(call, version, revision, segments)
            continue
        revision = _draft_revision(call, segments)
        same = matches(held, _etag(version, revision, form))
        return Reading(call, version, revision, None if same else segments)
    raise SwapLost(f"The transcript of call {key.call_id} keeps changing.", "Ask again.")


def _shown(key: CallKey, version: Version, segments: list[Segment]) -> list[Segment]:
    """Raises RedactionUnavailable."""
    if version is Version.DRAFT:
        return shown_draft(segments)
    refuse_unsafe(key, segments)
    return segments


def _choose(call: Call, wanted: Wanted) -> Version:
    """The version to give. Raises TranscriptNotReady, or TranscriptNotFound where waiting for it
    is of no use."""
    has_canonical = call.canonical_revision is not None
    if wanted is not Wanted.DRAFT and has_canonical:
        return Version.CANONICAL
    if wanted is not Wanted.CANONICAL and call.has_draft:
        return Version.DRAFT
    name = call.key.call_id
    if wanted is Wanted.DRAFT:
        raise _no_draft(call)
    if call.status is Status.FAILED:
        hint = f"The batch pass failed; {_retry_of(name)}"
        raise TranscriptNotReady(f"Call {name} has no {wanted} transcript.", hint)
    hint = "Follow GET /v1/calls/{}/events, or wait until the call's status is 'done'."
    raise TranscriptNotReady(f"Call {name} has no {wanted} transcript yet.", hint.format(name))


def _no_draft(call: Call) -> TwicetoldError:
    """A call that was spoken live may be done without one: what its record held of it was lost."""
    name = call.key.call_id
    if call.source != "live":
        hint = "Only calls that were spoken live have one; ask for version=best or canonical."
        return TranscriptNotFound(f"Call {name} was not live and has no draft.", hint)
    if call.status is Status.LIVE:
        hint = "It begins with the first caption that is final."
        return TranscriptNotReady(f"Call {name} has no draft yet.", hint)
    if call.status is Status.DONE:
        return TranscriptNotFound(
            f"Call {name} is done and has no draft.", "Ask for version=best or canonical."
        )
    if call.status is Status.FAILED:
        message = f"Call {name} has no draft, and its batch pass failed."
        return TranscriptNotFound(message, f"For its canonical transcript {_retry_of(name)}")
    hint = "Nothing of its captions is kept yet; its canonical transcript does not need them."
    return TranscriptNotReady(f"Call {name} is over and has no draft.", hint)


def _retry_of(name: str) -> str:
    return f"see GET /v1/jobs, then POST /v1/calls/{name}/retry."


def _draft_revision(call: Call, segments: list[Segment]) -> str:
    """Finals never change and are numbered without gaps: the last one names the draft's state."""
    last = max((segment.number for segment in segments), default=0)
    return f"{last}" if call.ended_at is None else f"{last}-ended"


def _etag(version: Version, revision: str, form: Format) -> str:
    return f'"{version}-{revision}-{form}"'


def _render(reading: Reading, segments: list[Segment], form: Format) -> Iterator[str]:
    if form is Format.JSON:
        return _as_json(reading, segments)
    return iter({Format.TXT: to_txt, Format.SRT: to_srt, Format.VTT: to_vtt}[form](segments))


def _as_json(reading: Reading, segments: Iterable[Segment]) -> Iterator[str]:
    """As ``TranscriptBody`` describes it, a segment at a time."""
    yield json.dumps(reading.head(), ensure_ascii=False)[:-1] + ', "segments": ['
    separator = "\n"
    for segment in segments:
        yield separator + json.dumps(segment.to_dict(), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


async def _in_turns(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """A long transcript takes a second to write out: let live calls in between."""
    while batch := "".join(islice(pieces, _PIECES_AT_ONCE)):
        yield batch.encode("utf-8", "replace")
        await asyncio.sleep(0)
