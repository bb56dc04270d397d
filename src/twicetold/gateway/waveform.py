"""``GET /v1/calls/{id}/waveform``: the recording's loudness over time, for a player to draw."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated
from weakref import WeakValueDictionary

import obstore
import structlog
from fastapi import APIRouter, Depends, Query, Request
from obstore.exceptions import NotFoundError

from twicetold.errors import CallDeleted, RecordingNotFound, Unavailable
from twicetold.gateway.audio import recording_to_show, stat_of
from twicetold.gateway.auth import platform_of
from twicetold.gateway.context import Platform
from twicetold.gateway.lookup import find_call
from twicetold.gateway.schemas import ERRORS, TicketScope, WaveformBody
from twicetold.gateway.tickets import tenant_or_ticket
from twicetold.speech.identity import CallKey
from twicetold.speech.loudness import Loudness, LoudnessMeter
from twicetold.storage import local_path, waveform_key, waveforms_prefix

log = structlog.get_logger()
router = APIRouter(tags=["calls"])

_AT_ONCE = 2  # decoding takes a core each
_MOST_WAITING = 16  # of one tenant, whose recordings are measured one at a time


class Waveforms:
    """Measures recordings, each once: what was found is kept beside them in the store."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._measuring: dict[tuple[str, str], asyncio.Task[Loudness]] = {}

    async def of(self, key: CallKey, recording: str, content: str) -> Loudness:
        """``content`` changes with the recording's bytes. Raises what the decoder raises, and
        Unavailable. Whoever leaves while it is measured does not stop it for others."""
        kept = waveform_key(key, content)
        found = await self._kept(kept)
        if found is not None:
            return found
        name = (key.tenant, kept)
        task = self._measuring.get(name)
        if task is None:
            if sum(tenant == key.tenant for tenant, _ in self._measuring) >= _MOST_WAITING:
                raise Unavailable("Too many of your recordings are being measured.")
            task = asyncio.create_task(self._in_turn(key, recording, kept))
            self._measuring[name] = task
            task.add_done_callback(lambda _: self._measuring.pop(name))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        tasks = list(self._measuring.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _kept(self, kept: str) -> Loudness | None:
        try:
            found = await obstore.get_async(self._platform.store, kept)
            return Loudness.from_bytes(bytes(await found.bytes_async()))
        except (FileNotFoundError, NotFoundError):
            return None
        except ValueError:
            log.warning("waveform_damaged")  # measured again, and written over
            return None

    async def _in_turn(self, key: CallKey, recording: str, kept: str) -> Loudness:
        """Tenants wait for their own recordings before they wait for a core: none for another's
        hundred."""
        turn = self._turns.get(key.tenant)
        if turn is None:
            turn = self._turns[key.tenant] = asyncio.Lock()
        async with turn, self._room:
            return await self._measure(key, recording, kept)

    async def _measure(self, key: CallKey, recording: str, kept: str) -> Loudness:
        platform = self._platform
        decoding = await platform.decoder.open_file(local_path(platform.store, recording))
        async with contextlib.aclosing(decoding):
            meter = LoudnessMeter(decoding.info.rate, decoding.info.channels)
            async for pcm in decoding.blocks():
                meter.hear(pcm)
        loudness = meter.finish()
        await self._keep(key, kept, loudness)
        return loudness

    async def _keep(self, key: CallKey, kept: str, loudness: Loudness) -> None:
        """In place of that of an earlier recording; nothing is written of a deleted call."""
        platform = self._platform
        if await platform.transcripts.call(key) is None:
            raise CallDeleted(f"The call {key.call_id} was deleted.")
        async for batch in obstore.list(platform.store, prefix=waveforms_prefix(key)):
            for meta in batch:
                with contextlib.suppress(FileNotFoundError):
                    await obstore.delete_async(platform.store, str(meta["path"]))
        await obstore.put_async(platform.store, kept, loudness.to_bytes())


@router.get("/v1/calls/{call_id}/waveform", responses=ERRORS)
async def waveform(
    call_id: str,
    request: Request,
    tenant: Annotated[str, Depends(tenant_or_ticket(TicketScope.MEDIA))],
    points: Annotated[int, Query(ge=50, le=4000, description="At most so many.")] = 1200,
    ticket: Annotated[str | None, Query(description="Instead of a key.")] = None,
) -> WaveformBody:
    """How loud the recording is over its length. Measured at the first asking, which takes
    about a second for each half hour; then kept."""
    platform, key = platform_of(request), CallKey.checked(tenant, call_id)
    call = await find_call(platform, key)
    if call.recording is None:
        raise RecordingNotFound(f"Call {call_id} has no recording yet.")
    shown = await recording_to_show(platform, call)
    path = local_path(platform.store, shown)
    _, etag = await asyncio.to_thread(stat_of, path, call_id)
    waveforms: Waveforms = request.app.state.waveforms
    loudness = await waveforms.of(key, shown, etag.strip('"'))
    return WaveformBody(
        call_id=call_id, length_s=loudness.length_s, channels=loudness.points(points)
    )
