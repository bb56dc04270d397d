"""Every role as a process of its own: ``twicetold gateway`` and ``twicetold worker``.

A process answers for its health first, then opens its carriers, for as long as that takes, and
is at work until it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from enum import StrEnum

from twicetold.batch.attempt import Carriers as BatchCarriers
from twicetold.broker import Broker
from twicetold.config import Settings
from twicetold.data_directory import spool_of, sweep_spools
from twicetold.descriptors import raise_limit
from twicetold.live.call_recorder import Carriers as RecordCarriers
from twicetold.observe.health import Check, Health, Unfit, carrier, room_left
from twicetold.observe.metrics import Metrics
from twicetold.parts import policy_of
from twicetold.sessions import Sessions
from twicetold.speech.identity import CallKey
from twicetold.tenants import Tenants, refuse_open_door
from twicetold.wiring.enriching import enrichers
from twicetold.wiring.opening import Opener, carriers, refuse_alone, scheme_of
from twicetold.wiring.passes import loading_live
from twicetold.wiring.roles import at_work, batch_roles, live_worker, recorder, show_engines
from twicetold.wiring.web import bind, served, url_of

Ready = Callable[[str], None]
Checks = Mapping[str, Check]

_LOOK_AGAIN_S = 0.25
_NO_CALL = CallKey("default", "readyz")  # whether there is such a call does not matter


class Worker(StrEnum):
    LIVE = "live"
    RECORD = "record"
    BATCH = "batch"

    @property
    def role(self) -> str:
        """As it is called in sentences."""
        return "recorder" if self is Worker.RECORD else f"{self} worker"


async def gateway(settings: Settings, *, ready: Ready | None = None) -> None:
    """Run the gateway alone until cancelled; ``ready`` gets the URL once it takes calls.

    Raises SettingError, PortInUse, DataDirectoryLocked and whatever only a person can mend.
    """
    from twicetold.gateway.app import create_app  # with FastAPI, which no worker needs
    from twicetold.gateway.gate import Gate
    from twicetold.wiring.together import attended

    refuse_alone(settings, "gateway")
    refuse_open_door(settings.host, settings.tenants_path)
    listening = bind(settings.host, settings.port)
    url = url_of(listening)
    raise_limit(settings.max_live_calls)
    health = Health("gateway", Metrics())
    gate = Gate(health)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        grace_s = settings.drain_s / 2
        serving = await stack.enter_async_context(served(gate, listening, grace_s=grace_s))
        # Whoever asks a gateway may be anybody: only its log says where its carriers are.
        opening = carriers(settings, "gateway", health.waiting, shown=scheme_of)
        platform = await stack.enter_async_context(opening)
        # Here as well: where no batch worker runs, nobody else says that jobs wait.
        health.metrics.jobs(platform.queue.tally)
        app = create_app(platform, health.metrics)
        await stack.enter_async_context(app.router.lifespan_context(app))
        gate.open(app)
        if ready is not None:
            ready(url)
        await attended(app, serving)


async def work(
    worker: Worker, settings: Settings, host: str, port: int, *, ready: Ready | None = None
) -> None:
    """Run one worker until cancelled, its health told at ``host`` and ``port``; ``ready`` gets
    that URL once all that it needs is there.

    Raises SettingError, PortInUse, DataDirectoryLocked and whatever only a person can mend.
    """
    refuse_alone(settings, worker.role)
    listening = bind(host, port)
    url = url_of(listening)
    raise_limit(settings.max_live_calls)
    health = Health(worker.role, Metrics())
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        opener = Opener.on(settings, stack, worker.role, health.waiting)
        await stack.enter_async_context(served(health, listening))
        health.up(await stack.enter_async_context(_WORKERS[worker](opener, health.metrics)))
        stack.callback(health.stopping)
        while await health.reasons():  # noqa: ASYNC110 - nothing tells when a group is joined
            await asyncio.sleep(_LOOK_AGAIN_S)
        if ready is not None:
            ready(url)
        await asyncio.Event().wait()


@asynccontextmanager
async def _live(opener: Opener, metrics: Metrics) -> AsyncIterator[Checks]:
    settings = opener.settings
    async with loading_live(settings) as loading:
        sessions, broker = await opener.running_calls()
        tenants = Tenants.load(settings.tenants_path)
        policy, engines = policy_of(settings, tenants), await loading
        made = await opener.stack.enter_async_context(enrichers(settings, tenants, live=True))
        worker = live_worker(broker, sessions, engines, policy, settings, made)
        show_engines(metrics, engines)
        metrics.lag("live", worker.lags)
        metrics.foreign("live", worker.foreign)
        async with at_work({"live": worker.run()}):
            yield _running_calls(opener, sessions, broker)


@asynccontextmanager
async def _record(opener: Opener, metrics: Metrics) -> AsyncIterator[Checks]:
    settings = opener.settings
    await asyncio.to_thread(sweep_spools, settings.data_dir)
    queue, transcripts, store = await opener.queue(), await opener.transcripts(), opener.store()
    sessions, broker = await opener.running_calls()
    spool = spool_of(settings.data_dir)
    to = RecordCarriers(broker, sessions, transcripts, queue, store, spool)
    worker = recorder(to, settings, await opener.outbox())
    metrics.lag("record", worker.lags)
    metrics.foreign("record", worker.foreign)
    async with at_work({"record": worker.run()}):
        yield {
            "disk": lambda: room_left(settings.data_dir),
            **_running_calls(opener, sessions, broker),
            "transcripts": lambda: transcripts.buried(_NO_CALL),
            "queue": lambda: queue.job_of(_NO_CALL),
        }


@asynccontextmanager
async def _batch(opener: Opener, metrics: Metrics) -> AsyncIterator[Checks]:
    settings, loaded = opener.settings, asyncio.Event()
    decoder, starting = opener.decoder()
    queue, transcripts, store = await opener.queue(), await opener.transcripts(), opener.store()
    _, broker = await opener.running_calls()
    await starting
    tenants = Tenants.load(settings.tenants_path)
    to, orders = BatchCarriers(queue, transcripts, store, broker), await opener.shadow_orders()
    outbox = await opener.outbox()

    async def engine() -> None:
        if not loaded.is_set():
            raise Unfit(f"{settings.batch_engine} is loading.")

    async with (
        enrichers(settings, tenants) as made,
        at_work(batch_roles(to, decoder, tenants, settings, metrics, orders, made, outbox, loaded)),
    ):
        yield {
            "disk": lambda: room_left(settings.data_dir),
            "engine": engine,
            "broker": carrier(opener.shown(settings.broker), broker.check, told=True),
            "transcripts": lambda: transcripts.buried(_NO_CALL),
            "queue": lambda: queue.job_of(_NO_CALL),
        }


def _running_calls(opener: Opener, sessions: Sessions, broker: Broker) -> Checks:
    """What carries the calls that run, each named by its address."""
    settings, shown = opener.settings, opener.shown
    return {
        "sessions": carrier(shown(settings.sessions), sessions.check, told=True),
        "broker": carrier(shown(settings.broker), broker.check, told=True),
    }


_WORKERS: dict[Worker, Callable[[Opener, Metrics], AbstractAsyncContextManager[Checks]]] = {
    Worker.LIVE: _live,
    Worker.RECORD: _record,
    Worker.BATCH: _batch,
}
