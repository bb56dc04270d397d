"""The roles, put to work on their carriers."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from twicetold.batch.arrivals import Arrivals, ArrivalSettings
from twicetold.batch.attempt import Carriers as BatchCarriers
from twicetold.batch.enriching import Enriching
from twicetold.batch.leftovers import Leftovers
from twicetold.batch.originals import Originals
from twicetold.batch.shadow import ShadowCarriers, ShadowWorker
from twicetold.batch.shadow_orders import ShadowOrders, ShadowsDone
from twicetold.batch.worker import BatchWorker, WorkDone
from twicetold.broker import Broker
from twicetold.choice.chain import Chain, Informed, Member
from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use
from twicetold.config import Settings
from twicetold.data_directory import alone, locks_of, spool_of
from twicetold.engines import EngineInfo
from twicetold.engines.opening import OpenLive
from twicetold.engines.registry import open_activity
from twicetold.errors import EngineFailed, MissingExtra, SettingError
from twicetold.gateway.context import Platform
from twicetold.live.call_recorder import Carriers as RecordCarriers
from twicetold.live.engines import Engines, LiveEngines
from twicetold.live.recorder import Recorder
from twicetold.live.worker import LiveWorker
from twicetold.media import Decoder
from twicetold.media.dual_mono import same_sound
from twicetold.observe.metrics import Metrics
from twicetold.parts import enrichment_by, live_devices, policy_of, refuse_unknown_shadow
from twicetold.queue import Job, Queue
from twicetold.sessions import Sessions
from twicetold.speech.identity import DEFAULT_TENANT
from twicetold.tenants import Tenants
from twicetold.webhooks import Announcer, Outbox
from twicetold.webhooks.alerting import AlertAnnouncer
from twicetold.webhooks.announcing import CallAnnouncer
from twicetold.wiring.enriching import Enrichers
from twicetold.wiring.hooks import tell_endpoints
from twicetold.wiring.passes import batch_engines, batch_settings, live_settings
from twicetold.wiring.rule_files import rules_by, tell_what_one_channel_lacks
from twicetold.wiring.shadow_ears import open_shadow_ear

log = structlog.get_logger()

T = TypeVar("T", bound=Informed)

_ORIGINALS_EVERY_S = 60.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0  # before a role that failed begins again


def live_worker(
    broker: Broker,
    sessions: Sessions,
    engines: OpenLive,
    policy: Policy,
    settings: Settings,
    enrichers: Enrichers,
) -> LiveWorker:
    """The live pass on engines that have loaded."""
    infos = [member.engine.info for member in engines.streaming.values()]
    return LiveWorker(
        broker,
        sessions,
        live_engines(engines, policy, settings.engine_timeout_s),
        open_activity(heard_alike(infos)),
        live_settings(settings),
        same_sound=same_sound,
        redactor=enrichers.live,
    )


def live_engines(engines: OpenLive, policy: Policy, again_within_s: float) -> LiveEngines:
    """Each call's own, by its tenant and language, of those that are open."""

    def of(tenant: str, language: str) -> Engines:
        def wanted(use: Use, opened: Mapping[str, Member[T]]) -> list[Member[T]]:
            names = policy.names(use, tenant, language)
            return [opened[name] for name in names if name in opened]

        streaming = Chain(lambda: wanted(Use.LIVE, engines.streaming))
        again = Chain(lambda: wanted(Use.LIVE_FINAL, engines.again)) if engines.again else None
        return Engines(streaming, again, again_within_s, lambda: policy.expected(tenant))

    first = next(iter(engines.streaming.values()))
    return LiveEngines(first.label, of, policy.learn)


def show_engines(metrics: Metrics, engines: OpenLive) -> None:
    """Have the figures of the live pass's engines shown."""
    healths, guarded = engines.healths(), engines.guarded()
    metrics.engines("live", healths["live"], guarded["live"])
    metrics.engines("live_final", healths["live_final"], guarded["live_final"])


def heard_alike(infos: Sequence[EngineInfo]) -> EngineInfo:
    """The first, where all hear the same kind of sound, which one detector finds for them."""
    for info in infos[1:]:
        if info.hears is not infos[0].hears:
            raise SettingError(
                f"Engine {info.name} hears {info.hears}, engine {infos[0].name} {infos[0].hears}: "
                "they cannot step in for each other."
            )
    return infos[0]


def recorder(carriers: RecordCarriers, settings: Settings, outbox: Outbox) -> Recorder:
    tenants = Tenants.load(settings.tenants_path)
    rules = rules_by(enrichment_by(settings, tenants))
    known = [each.name for each in tenants.list()]
    tell_what_one_channel_lacks(rules, [DEFAULT_TENANT] if tenants.open_mode else known)
    return Recorder(
        carriers,
        abandon_after_s=settings.abandon_after_s,
        device_of=live_devices(settings, tenants),
        drafted=AlertAnnouncer(outbox, carriers.transcripts, rules).drafted,
        announcer=CallAnnouncer(outbox, carriers.transcripts),
    )


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
    tenants: Tenants,
    settings: Settings,
    loaded: asyncio.Event,
    done: WorkDone,
    metrics: Metrics,
    published: Callable[[Job], Awaitable[None]],
    enriching: Callable[[str, str], Enriching],
    announcer: Announcer,
) -> None:
    """Work on jobs until cancelled. The engine loads here, after the live one where both are in
    one process, so that the first call can come; ``loaded`` is set when it has."""
    policy = policy_of(settings, tenants)
    async with batch_engines(settings, tenants, policy, decoder) as engines:
        metrics.engines("batch", engines.healths, engines.guarded)
        loaded.set()
        worker = BatchWorker(
            carriers.queue,
            carriers.transcripts,
            carriers.store,
            carriers.broker,
            engines,
            settings=batch_settings(settings),
            done=done,
            published=published,
            enriching=enriching,
            announcer=announcer,
        )
        await worker.run()


async def shadows(
    carriers: ShadowCarriers,
    policy: Policy,
    settings: Settings,
    loaded: asyncio.Event,
    done: ShadowsDone,
    enrichers: Enrichers,
) -> None:
    """Have shadow engines hear what they are to, until cancelled; after all other engines have
    loaded, and each when it is needed."""
    await loaded.wait()
    opened = partial(open_shadow_ear, settings)
    worker = ShadowWorker(
        carriers, opened, policy, batch_settings(settings), done, enrichers.redacted
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


async def originals(carriers: BatchCarriers, enrichers: Enrichers, settings: Settings) -> None:
    """Remove recordings whose redacted ones are all that is to be kept, and what was left of jobs.
    One process at a time."""
    every_s = min(_ORIGINALS_EVERY_S, settings.reconcile_every_s)
    sweeping = Originals(
        carriers.store,
        carriers.transcripts,
        carriers.queue,
        lambda tenant: enrichers.by(tenant).keep_original_s,
        every_s,
    )
    leftovers = Leftovers(
        carriers.store, carriers.queue, lambda tenant: enrichers.by(tenant).redacts, every_s
    )
    async with alone(locks_of(settings.data_dir) / "originals"), asyncio.TaskGroup() as group:
        group.create_task(sweeping.run())
        group.create_task(leftovers.run())


def batch_roles(
    carriers: BatchCarriers,
    decoder: Decoder,
    tenants: Tenants,
    settings: Settings,
    metrics: Metrics,
    orders: Queue,
    enrichers: Enrichers,
    outbox: Outbox,
    loaded: asyncio.Event | None = None,
) -> dict[str, Coroutine[Any, Any, None]]:
    """None has a part in running calls: they are kept going, whatever happens to them. ``orders``
    is the shadows' queue, ``outbox`` what webhooks tell. Raises SettingError for a shadow
    engine that the server cannot have."""
    refuse_unknown_shadow(settings)
    up, done, shadowed = loaded or asyncio.Event(), WorkDone(), ShadowsDone()
    policy = policy_of(settings, tenants)
    told = ShadowOrders(orders, carriers.transcripts, policy, shadowed).published
    work = partial(
        batch_pass,
        carriers,
        decoder,
        tenants,
        settings,
        up,
        done,
        metrics,
        told,
        enrichers.batch,
        CallAnnouncer(outbox, carriers.transcripts),
    )
    to = ShadowCarriers(orders, carriers.queue, carriers.transcripts, carriers.store)
    metrics.jobs(carriers.queue.tally)
    metrics.batch_work(done)
    metrics.shadows(shadowed, orders.tally)
    metrics.webhooks(outbox.endpoints)
    return {
        "batch": lasting("batch", work),
        "arrivals": lasting("arrivals", lambda: arrivals(carriers, tenants, settings)),
        "shadows": lasting(
            "shadows", lambda: shadows(to, policy, settings, up, shadowed, enrichers)
        ),
        "originals": lasting("originals", lambda: originals(carriers, enrichers, settings)),
        "webhooks": lasting("webhooks", lambda: tell_endpoints(outbox, settings)),
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
