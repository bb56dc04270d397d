"""Is it alive, is it ready, and what is it."""

from __future__ import annotations

import obstore
from fastapi import APIRouter, Request, Response

import twicetold
from twicetold.engines import EngineInfo
from twicetold.gateway.auth import platform_of
from twicetold.gateway.context import Platform
from twicetold.gateway.page import page, wants_page
from twicetold.gateway.schemas import (
    EngineBody,
    HealthBody,
    ReadyBody,
    RootBody,
)
from twicetold.observe.health import Check, Unfit, carrier, failing, room_left
from twicetold.observe.metrics import CONTENT_TYPE, Metrics
from twicetold.speech.identity import CallKey

router = APIRouter(tags=["server"])

_NO_CALL = CallKey("default", "readyz")  # whether there is such a call does not matter


@router.head("/", include_in_schema=False, response_model=None)
@router.get("/", response_model=RootBody)
async def root(request: Request) -> RootBody | Response:
    """What answers here; browsers, which ask for HTML, get the page."""
    if wants_page(request):
        return await page()
    prefix = str(request.scope.get("root_path", "")).rstrip("/")
    places = ("docs", "openapi.json", "healthz", "readyz", "v1/calls", "v1/search", "v1/live")
    return RootBody(
        product="Twicetold",
        version=twicetold.__version__,
        links={place.removeprefix("v1/"): f"{prefix}/{place}" for place in places},
    )


@router.get("/healthz")
async def healthz() -> HealthBody:
    """The process is alive and its event loop turns."""
    return HealthBody(status="ok")


@router.get("/readyz", responses={503: {"model": ReadyBody, "description": "Not ready, and why."}})
async def readyz(request: Request, response: Response) -> ReadyBody:
    """Every store answers and the engines are there."""
    platform = platform_of(request)
    reasons = await failing(checks(platform))
    if request.app.state.stopping:
        reasons["server"] = "It stops."
    elif not request.app.state.captions.alive:
        reasons["captions"] = "They are not passed on any more."
    response.status_code = 503 if reasons else 200
    return ReadyBody(
        status="unready" if reasons else "ok",
        reasons=reasons,
        live_engine=_engine(platform.live_engine),
        batch_engine=_engine(platform.batch_engine),
    )


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Figures of this process for Prometheus; nothing of tenants or calls by name."""
    kept: Metrics = request.app.state.metrics
    return Response(await kept.rendered(), media_type=CONTENT_TYPE)


def checks(platform: Platform) -> dict[str, Check]:
    """What a gateway cannot do without."""

    settings = platform.settings

    async def engines() -> None:
        if not platform.live_engine.live:
            raise Unfit(f"{platform.live_engine.name} cannot write live captions.")
        if not platform.batch_engine.batch:
            raise Unfit(f"{platform.batch_engine.name} cannot transcribe recordings.")

    return {
        "disk": lambda: room_left(settings.data_dir),
        "transcripts": lambda: platform.transcripts.buried(_NO_CALL),
        # Whoever asks may be anybody: where the carriers are is in the log.
        "sessions": carrier(_scheme(settings.sessions), platform.sessions.check, told=False),
        "broker": carrier(_scheme(settings.broker), platform.broker.check, told=False),
        "queue": lambda: platform.queue.job_of(_NO_CALL),
        "store": lambda: obstore.list_with_delimiter_async(platform.store, prefix="parts"),
        "engines": engines,
    }


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _engine(info: EngineInfo) -> EngineBody:
    return EngineBody(
        name=info.name,
        model=info.model,
        languages=list(info.languages),
        word_times=info.word_times,
        remote=info.remote,
        good_for=info.good_for,
    )
