"""What a data directory keeps, for commands that look into it while a server may be using it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twicetold.config import Settings
from twicetold.errors import SettingError
from twicetold.transcripts.usage import UsageFilter, UsageGroup, UsageLine
from twicetold.webhooks.addresses import Allowed

if TYPE_CHECKING:
    from twicetold.queue import JobState, JobStatus, Queue
    from twicetold.transcripts import Transcripts
    from twicetold.webhooks import Endpoint, Event, Outcome
    from twicetold.webhooks.sqlite import SqliteOutbox

_USAGE_LINES = 1000  # at once


async def queued_jobs(
    data_dir: Path, state: JobState | None = None, limit: int = 100
) -> list[JobStatus]:
    """Jobs of all tenants, newest first, from the data directory itself; it may be in use. Raises
    SettingError where there is no queue in it."""
    path = data_dir / "queue.sqlite3"
    if not await asyncio.to_thread(path.exists):
        raise SettingError(f"There is no queue in {data_dir}.", "Name the one in use: --data-dir")
    from twicetold.queue.sqlite import SqliteQueue

    queue = await asyncio.to_thread(SqliteQueue, path)
    try:
        return await queue.jobs(state=state, limit=limit)
    finally:
        await queue.aclose()


@dataclass(frozen=True, slots=True)
class ShadowsKept:
    """The stores that tell of shadows, from the data directory itself; it may be in use."""

    transcripts: Transcripts
    orders: Queue


@asynccontextmanager
async def shadows_kept(data_dir: Path) -> AsyncIterator[ShadowsKept]:
    """Raises SettingError where there is no store of calls in the data directory."""
    path = data_dir / "transcripts.sqlite3"
    if not await asyncio.to_thread(path.exists):
        raise SettingError(f"There are no calls in {data_dir}.", "Name the one in use: --data-dir")
    from twicetold.queue.sqlite import SqliteQueue
    from twicetold.transcripts.sqlite import SqliteTranscripts

    async with AsyncExitStack() as stack:
        transcripts = await asyncio.to_thread(SqliteTranscripts, path)
        stack.push_async_callback(transcripts.aclose)
        orders = await asyncio.to_thread(SqliteQueue, data_dir / "shadows.sqlite3")
        stack.push_async_callback(orders.aclose)
        yield ShadowsKept(transcripts, orders)


async def usage_kept(
    data_dir: Path, days: tuple[str, str], group: Sequence[str]
) -> tuple[list[UsageLine], UsageLine]:
    """All tenants' usage from the first day to the last, and its sum, from the data directory
    itself; it may be in use. Raises SettingError where there is no store of calls in it."""
    async with shadows_kept(data_dir) as kept:
        only, by = UsageFilter(None, *days), [UsageGroup(name) for name in group]
        page = await kept.transcripts.usage(only, by, _USAGE_LINES)
        lines = list(page.lines)
        while page.cursor is not None:
            page = await kept.transcripts.usage(only, by, _USAGE_LINES, page.cursor)
            lines += page.lines
    return lines, page.total


@asynccontextmanager
async def webhooks_kept(data_dir: Path, *, make: bool = False) -> AsyncIterator[SqliteOutbox]:
    """Endpoints and deliveries of all tenants, from the data directory itself; it may be in use.
    Raises SettingError where there are none in it, unless they are to be made."""
    path = data_dir / "webhooks.sqlite3"
    if not make and not await asyncio.to_thread(path.exists):
        raise SettingError(
            f"There are no webhooks in {data_dir}.",
            "Name the one in use: --data-dir; or add the first: twicetold webhooks add TENANT URL",
        )
    from twicetold.webhooks.sqlite import SqliteOutbox

    outbox = await asyncio.to_thread(SqliteOutbox, path)
    try:
        yield outbox
    finally:
        await outbox.aclose()


async def silence_webhooks(data_dir: Path, tenant: str) -> int:
    """Disable the endpoints of a tenant that was removed, if there are any. Returns how many."""
    if not await asyncio.to_thread((data_dir / "webhooks.sqlite3").exists):
        return 0
    async with webhooks_kept(data_dir) as outbox:
        return await outbox.disable(tenant, "its tenant was removed")


async def try_webhook(settings: Settings, endpoint: Endpoint, event: Event) -> Outcome:
    """Send one event now, as the server would, and once."""
    from twicetold.webhooks.posting import Poster
    from twicetold.webhooks.sending import send

    poster = Poster(Allowed.parse(settings.webhook_networks or ""))
    try:
        return await send(poster.post, endpoint, event, event.at)
    finally:
        await poster.aclose()
