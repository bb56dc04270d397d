"""``PUT /v1/recordings/{call_id}``: a finished recording becomes a call and a job."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from twicetold.choice.wishes import Use
from twicetold.errors import BadParameter, CallDeleted, CallInUse, CallUsed
from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.context import Platform
from twicetold.gateway.locks import CallLocks
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, CallBody
from twicetold.gateway.upload import Received, check_declared_size, hash_file, place, received
from twicetold.media import SoundInfo
from twicetold.media.formats import RAW_MULAW, SUFFIX_OF_CONTAINER, SUFFIXES
from twicetold.queue import Job
from twicetold.sessions import State
from twicetold.speech.identity import CallKey, check_language
from twicetold.storage import local_path, recording_key
from twicetold.transcripts import Call, NewCall

router = APIRouter(tags=["recordings"])

# Webm is a matroska that says so in its head.
_WEBM_DOCTYPE = b"\x42\x82\x84webm"
_HEAD_BYTES = 64
_LATEST_S = 86_400.0  # a clock may run ahead, a call is not a day in the future
_RESPONSES = {
    **ERRORS,
    200: {"model": CallBody, "description": "The same recording was here already."},
    202: {"model": CallBody, "description": "Taken; its transcript is being made."},
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The recording: wav, mp3, flac, ogg, webm, m4a, mp4 or mkv; "
        "raw μ-law as `audio/basic` or with `format=mulaw`.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put(
    "/v1/recordings/{call_id}",
    status_code=202,
    response_model=CallBody,
    responses=_RESPONSES,
    openapi_extra=_BODY,
)
async def put_recording(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(tenant_of)],
    language: Annotated[str | None, Query(description="A tag such as en or pt-BR.")] = None,
    started_at: Annotated[
        float | None, Query(ge=0, allow_inf_nan=False, description="When the call began.")
    ] = None,
    format: Annotated[
        Literal["mulaw"] | None,
        Query(description="For raw G.711 μ-law (8 kHz, one channel), which nothing else tells."),
    ] = None,
) -> JSONResponse:
    """Upload a recording. The same one again changes nothing; another under its id is refused."""
    platform, key = platform_of(request), CallKey.checked(tenant, call_id)
    settings = platform.settings
    wanted = check_language(language or settings.language)
    await platform.policy.learn(tenant)
    language = platform.policy.spoken(Use.BATCH, tenant, wanted)
    began = _checked_start(started_at)
    check_declared_size(request.headers.get("content-length"), settings.max_upload_mb)
    await _refuse_taken(platform, key)
    suffix = _told_suffix(format, request.headers.get("content-type", ""))
    body = request.stream()
    async with received(platform.store, body, settings.max_upload_mb, suffix) as upload:
        info = await _listen(platform, upload)
        locks: CallLocks = request.app.state.call_locks
        claims: CallLocks = request.app.state.call_claims
        async with locks.hold(key):
            is_new = await _keep(platform, claims, key, upload, info, language, began)
    call = await find_call(platform, key)
    return JSONResponse(
        CallBody.of(call).model_dump(mode="json"),
        202 if is_new else 200,
        {"Location": f"{request.scope.get('root_path', '')}/v1/calls/{call_id}"},
    )


def _told_suffix(told: str | None, content_type: str) -> str:
    """A suffix where only the client can say what the bytes are. AU, which has the same content
    type as raw μ-law, is told from it by its mark."""
    named = content_type.partition(";")[0].strip().lower()
    is_raw = told is not None or named in RAW_MULAW.media_types.values()
    return RAW_MULAW.suffix if is_raw else ""


def _checked_start(started_at: float | None) -> float:
    now = time.time()
    if started_at is not None and started_at > now + _LATEST_S:
        takes = "It takes Unix seconds that are not in the future."
        raise BadParameter(f"started_at got {started_at:.0f}.", takes)
    return now if started_at is None else started_at


async def _refuse_taken(platform: Platform, key: CallKey) -> None:
    """Raises CallDeleted, or CallInUse for a call that people are speaking in, or that ended
    before its recorder has noted anything of it."""
    if await platform.transcripts.buried(key):
        raise CallDeleted(f"The call {key.call_id} was deleted.")
    record = await platform.sessions.load(key)
    if record is None:
        return
    noted = record.recorded or await platform.transcripts.call(key) is not None
    if record.state is not State.CLOSED or not noted:
        hint = "Choose another id, or upload once the call is over."
        raise CallInUse(f"The call {key.call_id} is running.", hint)


async def _listen(platform: Platform, upload: Received) -> SoundInfo:
    """What the upload holds. Raises NotAudio, TruncatedAudio, EmptyAudio or PlaylistRefused."""
    decoding = await platform.decoder.open_file(upload.path)
    try:
        return decoding.info
    finally:
        await decoding.aclose()


async def _keep(
    platform: Platform,
    claims: CallLocks,
    key: CallKey,
    upload: Received,
    info: SoundInfo,
    language: str,
    started_at: float,
) -> bool:
    """Make the upload the call's recording; False where it is that already.

    The call's row comes first: a file in the recordings' directory without one would be taken
    for a recording that another program dropped there. Every step may be repeated.
    """
    recording = recording_key(key, await _suffix(upload, info))
    channels = min(info.channels, 2)
    row = NewCall(key, started_at, channels, "upload", language, info.rate)
    async with claims.hold(key):
        call = await _claim(platform, row, recording)
    if call is not None:
        await _check_same(platform, call, upload)
        return False
    target = local_path(platform.store, recording)
    if not await asyncio.to_thread(place, upload.path, target):
        await _check_content(upload, await asyncio.to_thread(hash_file, target), key)
    await platform.transcripts.set_recording(key, recording, info.length_s)
    await platform.queue.submit(Job(key, upload.content, recording, language))
    return True


async def _claim(platform: Platform, row: NewCall, recording: str) -> Call | None:
    """Make the id an upload's, unless its call has a recording or is to have one: that call."""
    await _refuse_taken(platform, row.key)
    call = await platform.transcripts.call(row.key)
    if call is not None and (call.source == "live" or call.recording is not None):
        return call
    await _refuse_neighbour(platform, row.key, recording)
    await platform.transcripts.begin_call(row)
    return None


async def _check_same(platform: Platform, call: Call, upload: Received) -> None:
    """The call has its recording: is this the same? Raises CallUsed."""
    job = await platform.queue.job_of(call.key)
    if job is not None:
        await _check_content(upload, job.job.content, call.key)
    elif call.recording is not None:
        path = local_path(platform.store, call.recording)
        there = await asyncio.to_thread(lambda: hash_file(path) if path.exists() else "")
        await _check_content(upload, there, call.key)
    else:
        raise CallUsed(f"The call id {call.key.call_id} was used by a live call.")


async def _check_content(upload: Received, content: str, key: CallKey) -> None:
    if upload.content != content:
        raise CallUsed(f"The call {key.call_id} has another recording.")


async def _refuse_neighbour(platform: Platform, key: CallKey, recording: str) -> None:
    """Another program may have dropped the call in another container. Raises CallUsed."""
    others = {recording_key(key, suffix) for suffix in SUFFIXES} - {recording}
    paths = [local_path(platform.store, other) for other in others]
    if await asyncio.to_thread(lambda: any(path.exists() for path in paths)):
        raise CallUsed(f"The call {key.call_id} has another recording.")


async def _suffix(upload: Received, info: SoundInfo) -> str:
    """What the recording's name ends with, by what it is and not by what it was called."""
    container = info.container.lower()
    if container == "matroska":
        head = await asyncio.to_thread(_head, upload)
        container = "webm" if _WEBM_DOCTYPE in head else container
    return SUFFIX_OF_CONTAINER[container]


def _head(upload: Received) -> bytes:
    with upload.path.open("rb") as file:
        return file.read(_HEAD_BYTES)
