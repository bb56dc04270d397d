"""The roles, put to work on their carriers."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from twicetold.batch.arrivals import Arrivals, ArrivalSettings
from twicetold.batch.attempt import Carriers as BatchCarriers
from twicetold.batch.worker import BatchWorker, WorkDone
from twicetold.broker import Broker
from twicetold.config import Settings
from twicetold.data_directory import alone, locks_of, spool_of
from twicetold.engines import StreamingTranscriber
from twicetold.engines.registry import open_activity
from twicetold.errors import EngineFailed, MissingExtra, SettingError
from twicetold.gateway.context import Platform
from twicetold.live.call_recorder import Carriers as RecordCarriers
from twicetold.live.recorder import Recorder
from twicetold.live.worker import LiveWorker
from twicetold.media import Decoder
from twicetold.media.dual_mono import same_sound
from twicetold.observe.metrics import Metrics
from twicetold.sessions import Sessions
from twicetold.speech.identity import DEFAULT_TENANT
from twicetold.tenants import Tenants
from twicetold.wiring.passes import batch_settings, live_settings, tools_with

log = structlog.get_logger()

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0  # before a role that failed begins again


def live_worker(
    broker: Broker, sessions: Sessions, engine: StreamingTranscriber, settings: Settings
) -> LiveWorker:
    """The live pass on an engine that has loaded."""
    return LiveWorker(
        broker,
        sessions,
        engine,
        open_activity(engine.info),
        live_settings(settings),
        same_sound=same_sound,
    )


def recorder(carriers: RecordCarriers, settings: Settings) -> Recorder:
    return Recorder(carriers, abandon_after_s=settings.abandon_after_s)


def record_carriers(platform: Platform) -> RecordCarriers:
    """What of a platform the recorder works with; its spool is its process's own."""
    return RecordCarriers(
        platform.broker,
        platform.sessions,
        platform.transcripts,
        platform.queue,
        platform.store,
        spool_of(platform.settings.data_dir),
    )


def batch_carriers(platform: Platform) -> BatchCarriers:
    return BatchCarriers(platform.queue, platform.transcripts, platform.store, platform.broker)


async def batch_pass(
    carriers: BatchCarriers,
    decoder: Decoder,
    settings: Settings,
    loaded: asyncio.Event,
    done: WorkDone,
) -> None:
    """Work on jobs until cancelled. The engine loads here, after the live one where both are in
    one process, so that the first call can come; ``loaded`` is set when it has."""
    async with tools_with(settings, decoder) as tools:
        loaded.set()
        worker = BatchWorker(
            carriers.queue,
            carriers.transcripts,
            carriers.store,
            carriers.broker,
            tools,
            settings=batch_settings(settings),
            done=done,
        )
        await worker.run()


async def arrivals(carriers: BatchCarriers, tenants: Tenants, settings: Settings) -> None:
    """Look after recordings that arrive. One process at a time: each would read them through."""
    noticing = Arrivals(
        carriers.store,
        carriers.transcripts,
        carriers.queue,
        settings=ArrivalSettings(
            settle_s=settings.settle_s,
            reconcile_every_s=settings.reconcile_every_s,
            language=settings.language,
        ),
        known_tenant=_known_tenant(tenants),
    )
    async with alone(locks_of(settings.data_dir) / "arrivals"):
        await noticing.run()


def batch_roles(
    carriers: BatchCarriers,
    decoder: Decoder,
    tenants: Tenants,
    settings: Settings,
    metrics: Metrics,
    loaded: asyncio.Event | None = None,
) -> dict[str, Coroutine[Any, Any, None]]:
    """Neither has a part in running calls: they are kept going, whatever happens to them."""
    up, done = loaded or asyncio.Event(), WorkDone()
    metrics.jobs(carriers.queue.tally)
    metrics.batch_work(done)
    return {
        "batch": lasting("batch", lambda: batch_pass(carriers, decoder, settings, up, done)),
        "arrivals": lasting("arrivals", lambda: arrivals(carriers, tenants, settings)),
    }


def _known_tenant(tenants: Tenants) -> Callable[[str], bool]:
    def known(name: str) -> bool:
        if tenants.open_mode:
            return name == DEFAULT_TENANT
        return any(tenant.name == name for tenant in tenants.list())

    return known


async def lasting(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Begin a role again after an error that nobody foresaw, each time later: what has no part
    in running calls does not end them. What only a person can mend is raised."""
    wait_s = _FIRST_WAIT_S
    while True:
        began = time.monotonic()
        try:
            return await work()
        except (SettingError, MissingExtra, EngineFailed):
            raise
        except Exception as error:  # noqa: BLE001 - told, and begun again
            if time.monotonic() - began > _LONGEST_WAIT_S:
                wait_s = _FIRST_WAIT_S
            # Without its traceback, whose last line is the foreign message.
            told = {"role": name, "again_in_s": wait_s, **_described(error)}
            log.error("role_failed", **told)  # noqa: TRY400
        await asyncio.sleep(wait_s)
        wait_s = min(_LONGEST_WAIT_S, 2.0 * wait_s)


def _described(error: Exception) -> dict[str, Any]:
    """Kind and place; the message of a foreign error stays out: it may quote anything."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "where": where}


@asynccontextmanager
async def at_work(roles: dict[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run the roles beside the body; one that fails ends the server, loudly.

    That is right for the live pass and the recorder, without which a call would be heard and
    lost; the others are kept going by ``lasting``.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(role, name=name) for name, role in roles.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
