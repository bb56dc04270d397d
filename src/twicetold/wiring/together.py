"""``twicetold serve``: all roles in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from twicetold.config import Settings
from twicetold.data_directory import sweep_spools
from twicetold.descriptors import raise_limit
from twicetold.engines.opening import OpenLive
from twicetold.gateway.app import create_app, stop
from twicetold.gateway.context import Platform
from twicetold.observe.metrics import Metrics
from twicetold.tenants import refuse_open_door
from twicetold.wiring.enriching import enrichers
from twicetold.wiring.opening import carriers
from twicetold.wiring.passes import loading_live
from twicetold.wiring.roles import (
    at_work,
    batch_carriers,
    batch_roles,
    live_worker,
    record_carriers,
    recorder,
    show_engines,
)
from twicetold.wiring.web import Serving, bind, served, url_of


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    loading: asyncio.Task[OpenLive] | None = None,
) -> None:
    """Run all roles in this process until cancelled; ``ready`` gets the URL.

    ``loading`` is the live engine where the caller has begun to open it.
    """
    refuse_open_door(settings.host, settings.tenants_path)
    listening = bind(settings.host, settings.port)
    url = url_of(listening)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        metrics = Metrics()
        platform = await stack.enter_async_context(running(settings, loading, metrics))
        app = create_app(platform, metrics)
        await stack.enter_async_context(app.router.lifespan_context(app))
        grace_s = settings.drain_s / 2
        serving = await stack.enter_async_context(served(app, listening, grace_s=grace_s))
        if ready is not None and not serving.ended.done():
            ready(url)
        await attended(app, serving)


async def attended(app: FastAPI, serving: Serving) -> None:
    """Until cancelled. Then connections and streams are ended, every call's position is noted and
    its lease let go, so that its client can go on elsewhere at once."""
    try:
        await asyncio.shield(serving.ended)
    finally:
        stop(app)
        await serving.stop()
        await asyncio.gather(*app.state.live_tasks, return_exceptions=True)


@asynccontextmanager
async def running(
    settings: Settings,
    loading: asyncio.Task[OpenLive] | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[Platform]:
    """All carriers open and all roles but the gateway at work; on the way out all is closed."""
    raise_limit(settings.max_live_calls)
    async with AsyncExitStack() as stack:
        loading = await stack.enter_async_context(loading_live(settings, loading))
        platform = await stack.enter_async_context(carriers(settings))
        await asyncio.to_thread(sweep_spools, settings.data_dir)
        engines, policy = await loading, platform.policy
        # A process for each pass: a caption does not wait for an hour's words.
        for_live = await stack.enter_async_context(enrichers(settings, platform.tenants, live=True))
        live = live_worker(platform.broker, platform.sessions, engines, policy, settings, for_live)
        record = recorder(record_carriers(platform), settings, platform.outbox)
        metrics = metrics or Metrics()
        metrics.lag("live", live.lags)
        show_engines(metrics, engines)
        metrics.lag("record", record.lags)
        metrics.foreign("live", live.foreign)
        metrics.foreign("record", record.foreign)
        batch = batch_roles(
            batch_carriers(platform),
            platform.decoder,
            platform.tenants,
            settings,
            metrics,
            platform.shadow_orders,
            await stack.enter_async_context(enrichers(settings, platform.tenants)),
            platform.outbox,
        )
        roles = {"live": live.run(), "record": record.run(), **batch}
        await stack.enter_async_context(at_work(roles))
        yield platform
