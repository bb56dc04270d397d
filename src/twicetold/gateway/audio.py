"""``GET /v1/calls/{id}/audio``: the recording, in ranges, a piece in memory at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from twicetold.errors import RecordingNotFound, RedactionUnavailable, TranscriptNotReady
from twicetold.gateway.auth import platform_of
from twicetold.gateway.conditions import matches, range_applies
from twicetold.gateway.context import Platform
from twicetold.gateway.lookup import find_call
from twicetold.gateway.problems import problem
from twicetold.gateway.ranges import NotSatisfiable, parse_range
from twicetold.gateway.schemas import ERRORS, TicketScope
from twicetold.gateway.tickets import tenant_or_ticket
from twicetold.gateway.withholding import redacts
from twicetold.media.formats import MEDIA_TYPES
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, open_recording, redacted_key, stat_recording
from twicetold.transcripts import Call, Status

router = APIRouter(tags=["calls"])

_PIECE_BYTES = 256 * 1024
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES = {
    **ERRORS,
    200: {"description": "The recording.", "content": {"audio/wav": _BINARY}},
    206: {"description": "The range that was asked for.", "content": {"audio/wav": _BINARY}},
    304: {"description": "The client has it already (If-None-Match)."},
    416: {"description": "No byte lies in the range."},
}


@router.head("/v1/calls/{call_id}/audio", include_in_schema=False)
@router.get("/v1/calls/{call_id}/audio", responses=_RESPONSES, response_class=Response)
async def audio(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(tenant_or_ticket(TicketScope.MEDIA))],
    ticket: Annotated[str | None, Query(description="Instead of a key.")] = None,
) -> Response:
    """The recording as it was made or uploaded; where personal data is removed, without it. Takes
    one range; several give the whole."""
    platform = platform_of(request)
    call = await find_call(platform, CallKey.checked(tenant, call_id))
    if call.recording is None:
        raise RecordingNotFound(f"Call {call_id} has no recording yet.")
    shown = await recording_to_show(platform, call)
    path = local_path(platform.store, shown)
    size, etag = await asyncio.to_thread(stat_of, path, call_id)
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    span = None
    if request.method == "GET" and range_applies(request.headers.get("if-range"), etag):
        try:
            span = parse_range(request.headers.get("range"), size)
        except NotSatisfiable:
            return _no_such_range(size, headers)
    suffix = Path(shown).suffix.lower()
    headers["Content-Type"] = MEDIA_TYPES.get(suffix, "application/octet-stream")
    first, last = span or (0, size - 1)
    headers["Content-Length"] = str(last + 1 - first)
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    if request.method == "HEAD":
        return Response(headers=headers)
    pieces = _pieces(path, first, last + 1)
    return StreamingResponse(pieces, 206 if span else 200, headers)


async def recording_to_show(platform: Platform, call: Call) -> str:
    """Its object key. Raises RedactionUnavailable where only the original is there, and that must
    not be heard."""
    assert call.recording is not None
    covered = redacted_key(call.key)
    if not redacts(platform, call.key.tenant):
        original = local_path(platform.store, call.recording)
        gone = not await asyncio.to_thread(original.exists)
        return covered if gone and await _is_there(platform, covered) else call.recording
    if not await _is_there(platform, covered):
        if call.canonical_revision is None and call.status is not Status.FAILED:
            raise TranscriptNotReady(
                f"The redacted recording of call {call.key.call_id} is not made yet.",
                "It comes with the canonical transcript: follow "
                f"GET /v1/calls/{call.key.call_id}/events.",
            )
        raise RedactionUnavailable(
            f"There is no redacted recording of call {call.key.call_id}.",
            "It is made with the canonical transcript.",
        )
    return covered


async def _is_there(platform: Platform, object_key: str) -> bool:
    return await asyncio.to_thread(local_path(platform.store, object_key).is_file)


def stat_of(path: Path, call_id: str) -> tuple[int, str]:
    """Size and entity tag of the recording. Raises RecordingNotFound."""
    try:
        found = stat_recording(path)
    except RecordingNotFound:
        raise RecordingNotFound(
            f"The recording of call {call_id} is no longer in the store.",
            "Restore it from a backup, or delete the call.",
        ) from None
    return found.st_size, f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'


def _no_such_range(size: int, headers: dict[str, str]) -> Response:
    return problem(
        416,
        "range_not_satisfiable",
        f"The recording has {size} bytes; none of them lies in the range.",
        "Ask for a range that begins before its end.",
        headers={**headers, "Content-Range": f"bytes */{size}"},
    )


async def _pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, _PIECE_BYTES):
        yield await asyncio.to_thread(_piece, path, at, min(_PIECE_BYTES, end - at))


def _piece(path: Path, start: int, length: int) -> bytes:
    with open_recording(path) as file:
        file.seek(start)
        return file.read(length)
