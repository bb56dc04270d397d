"""Jobs: where canonical transcripts stand, and trying a failed one again by hand."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from twicetold.errors import JobNotFound, RecordingNotFound
from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.context import Platform
from twicetold.gateway.locks import CallLocks
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, JobBody, JobsBody
from twicetold.queue import JobState, JobStatus
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, redacted_key, stat_recording
from twicetold.transcripts import Call, Status

router = APIRouter(tags=["jobs"])

Tenant = Annotated[str, Depends(tenant_of)]


@router.get("/v1/jobs", responses=ERRORS)
async def list_jobs(
    request: Request,
    tenant: Tenant,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JobsBody:
    """The tenant's jobs, newest first; failed ones with their error."""
    jobs = await platform_of(request).queue.jobs(tenant, state, limit)
    return JobsBody(jobs=[JobBody.of(job) for job in jobs])


@router.post("/v1/calls/{call_id}/retry", status_code=202, responses=ERRORS)
async def retry(
    call_id: str,
    request: Request,
    tenant: Tenant,
    again: Annotated[
        bool, Query(description="Also one that is done: with the engines and settings of today.")
    ] = False,
) -> JobBody:
    """Try a call's failed job again, its attempts counted anew."""
    platform, key = platform_of(request), CallKey.checked(tenant, call_id)
    call = await find_call(platform, key)
    locks: CallLocks = request.app.state.call_locks
    async with locks.hold(key):
        job = await platform.queue.job_of(key)
        if again and job is not None and job.state is JobState.DONE:
            await _once_more(platform, call)
        elif job is None or job.state is not JobState.FAILED:
            raise JobNotFound(*_why_not(call_id, job))
        else:
            # Before a worker can have the job: what it writes of the call's status stands.
            await platform.transcripts.set_status(key, Status.RECORDED)
            await platform.queue.retry_failed(key)
    job = await platform.queue.job_of(key)
    if job is None:
        raise JobNotFound(f"Call {call_id} has no job.")
    return JobBody.of(job)


def _why_not(call_id: str, job: JobStatus | None) -> tuple[str, str]:
    """Message and hint."""
    if job is None:
        return f"Call {call_id} has no job.", "It has one once its recording is there."
    if job.state is JobState.DONE:
        hint = "Make it anew with again=true (jobs retry --again)."
        return f"The job of call {call_id} has not failed.", hint
    return f"The job of call {call_id} waits or is at work.", "It needs no other try."


async def _once_more(platform: Platform, call: Call) -> None:
    """The transcript that stands goes on to stand until another takes its place. Raises
    RecordingNotFound where its recording is not kept any more."""
    if call.recording is None or call.recording == redacted_key(call.key):
        raise RecordingNotFound(
            f"The original recording of call {call.key.call_id} is not kept.",
            "What stands is all there is of it; see the setting keep_original_h.",
        )
    await asyncio.to_thread(stat_recording, local_path(platform.store, call.recording))
    await platform.queue.again(call.key)
