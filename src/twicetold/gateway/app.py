"""The gateway's app: every resource on one platform."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Depends, FastAPI, Security
from fastapi.security import HTTPBearer

import twicetold
from twicetold.data_directory import locks_of
from twicetold.gateway import (
    audio,
    calls,
    events,
    health,
    insights,
    jobs,
    live,
    outcomes,
    page,
    problems,
    recordings,
    reference,
    search,
    shadows,
    tickets,
    transcript,
    usage,
    waveform,
    webhooks,
)
from twicetold.gateway.captions import CaptionHub
from twicetold.gateway.context import Platform
from twicetold.gateway.deletion import Deletions
from twicetold.gateway.edge import Edge
from twicetold.gateway.locks import CallLocks, call_claims
from twicetold.gateway.pace import Ahead
from twicetold.gateway.parameters import known_parameters
from twicetold.gateway.ticket_secret import ticket_secret
from twicetold.gateway.upload import remove_stale_uploads, sweep_uploads
from twicetold.observe.metrics import Metrics

_DESCRIPTION = (
    "Speech to text, told twice: captions while people speak, a better transcript when the call "
    "is over. Errors are `{error: {code, message, hint, retryable}}`; times are Unix seconds, "
    "lengths and positions seconds of audio. `GET /v1/live` is a WebSocket."
)
_PUBLIC = (health.router, reference.router)
_PRIVATE = (
    calls.router,
    transcript.router,
    insights.router,
    outcomes.router,
    audio.router,
    waveform.router,
    events.router,
    recordings.router,
    jobs.router,
    search.router,
    shadows.router,
    tickets.router,
    usage.router,
    webhooks.router,
)
_bearer = HTTPBearer(
    auto_error=False, description="The tenant's key. Not asked for where there is no tenants file."
)


def create_app(platform: Platform, metrics: Metrics | None = None) -> FastAPI:
    """The app on a platform whose carriers are started; it closes none of them. ``metrics``: of
    the process that it runs in.

    While it runs, ``app.state.captions`` is the process's CaptionHub. Before a server waits for
    its connections to end it calls ``stop``, or they hold it up; and before it closes the
    carriers it awaits ``app.state.live_tasks``, which note where calls stand.
    """
    app = FastAPI(
        title="Twicetold",
        version=twicetold.__version__,
        description=_DESCRIPTION,
        docs_url=None,  # reference.py serves one that loads nothing from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a path with a slash too many is another path, and a mistake
        lifespan=_lifespan,
    )
    app.state.platform = platform
    app.state.captions = CaptionHub(platform.broker)
    app.state.tickets = tickets.Tickets(
        platform.tenants, ticket_secret(platform.settings.data_dir / "ticket.key")
    )
    app.state.deletions = Deletions(platform)
    app.state.waveforms = waveform.Waveforms(platform)
    app.state.call_locks = CallLocks(locks_of(platform.settings.data_dir))
    app.state.call_claims = call_claims(locks_of(platform.settings.data_dir))
    app.state.live_calls = set[Any]()
    app.state.live_tasks = set[asyncio.Task[None]]()
    app.state.ahead = Ahead()
    app.state.stopping = False
    app.state.metrics = metrics or Metrics()
    app.state.metrics.lag("gateway", lambda: _lags(app))
    app.state.metrics.foreign("gateway", lambda: app.state.captions.unreadable)
    problems.install(app)
    for router in _PUBLIC:
        app.include_router(router, dependencies=[Depends(known_parameters)])
    for router in _PRIVATE:
        app.include_router(router, dependencies=[Depends(known_parameters), Security(_bearer)])
    app.include_router(page.router)
    app.include_router(live.router)
    app.add_middleware(Edge)
    return app


async def _lags(app: FastAPI) -> list[float]:
    """Per client that speaks, how far its captions are behind, in seconds of audio."""
    return [connection.lag_s() for connection in app.state.live_calls]


def stop(app: FastAPI) -> None:
    """Not ready any more: have live clients go on elsewhere, and end the streams of followers."""
    app.state.stopping = True
    for connection in list(app.state.live_calls):
        connection.hand_over()
    app.state.captions.stop()


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    hub: CaptionHub = app.state.captions
    hub.start()
    app.state.deletions.start()
    store = app.state.platform.store
    await asyncio.to_thread(remove_stale_uploads, store)
    sweeping = asyncio.create_task(sweep_uploads(store))
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await app.state.waveforms.aclose()
        await app.state.deletions.aclose()
        await hub.aclose()
