"""Engines and models: which are wanted, which are here, and those of the live pass, open."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from twicetold.choice.wishes import Use, Wishes, parse_remotes, parse_wishes
from twicetold.config import Settings
from twicetold.engines.models.cache import Cache
from twicetold.engines.models.catalogue import CATALOGUE, Model
from twicetold.engines.opening import OpenLive, Wanted
from twicetold.engines.registry import ENGINES, engine_info, require_pass
from twicetold.engines.remote import Remotes
from twicetold.errors import SettingError
from twicetold.media import Decoder
from twicetold.media.pyav import PyAvDecoder
from twicetold.parts.wanted import wishes_of
from twicetold.tenants import Tenants

if TYPE_CHECKING:
    from twicetold.engines import EngineInfo
    from twicetold.engines.models.pulling import Pulled, Watcher

log = structlog.get_logger()

_LIVE = (Use.LIVE_FINAL, Use.LIVE)


def engines_wanted(settings: Settings, tenants: Tenants, use: Use) -> Wanted:
    """All engines that the server or a tenant wants for a use. A tenant's that cannot be had here
    is told in the log: it costs nobody else anything."""
    server = tuple(wish.name for wish in wishes_of(settings).of(use))
    hears = engine_info(server[0], settings.models_path).hears if server else None
    besides: list[str] = []
    for tenant in tenants.list():
        for wish in tenant.wishes.of(use):
            try:
                info = engine_info(wish.name, settings.models_path)
                if hears not in (None, info.hears):
                    raise SettingError(f"Engine {wish.name} hears {info.hears}, others {hears}.")
                besides.append(wish.name)
            except SettingError as error:
                log.warning("engine_of_tenant_missing", tenant=tenant.name, reason=error.message)
    return Wanted(server, tuple(besides))


def live_devices(settings: Settings, tenants: Tenants) -> Callable[[str], str]:
    """What live engines run on, by their labels, of several by the first; "" of a stranger's."""
    found: dict[str, str] = {}
    theirs = (wishes_of(settings), *(tenant.wishes for tenant in tenants.list()))
    for wish in (each for wishes in theirs for use in _LIVE for each in wishes.of(use)):
        with contextlib.suppress(SettingError):  # its model is on another machine
            info = engine_info(wish.name, settings.models_path)
            found.setdefault(info.label, info.device)
    return lambda label: found.get(label.split(",")[0].strip(), "")


def refuse_unknown_engines(settings: Settings, wish: str, value: str) -> None:
    """Raises SettingError for a tenant's wish for engines that are not there."""
    if wish in ("vocabulary", "languages", "shadow_share"):
        return
    if wish != "allow_remote":
        for name in _names(value):
            info = engine_info(name, settings.models_path)
            require_pass(name, info, live=wish in (Use.LIVE, Use.SHADOW_LIVE))
        return
    remote = [name for name, engine in ENGINES.items() if engine.info.remote]
    remote.append("llm")  # the language model that judges; see llm_url
    for name in _remotes(value):
        if name not in remote:
            raise SettingError(
                f"There is no remote engine {name!r}.",
                f"There are {', '.join(remote) or 'none'}; the others need no permission.",
            )


def takes_vocabulary(settings: Settings, wishes: Wishes) -> bool:
    """Whether one of a tenant's engines, or of the server's where it has none, can be told words
    to expect."""
    wanted = wishes.over(wishes_of(settings))
    for name in {wish.name for use in Use for wish in wanted.of(use)}:
        with contextlib.suppress(SettingError):  # its model is not on this machine
            if engine_info(name, settings.models_path).vocabulary:
                return True
    return False


def refuse_unknown_shadow(settings: Settings) -> None:
    """Raises SettingError for a shadow engine of the server's that is not there."""
    refuse_unknown_engines(settings, Use.SHADOW, settings.shadow_engine or "")
    refuse_unknown_engines(settings, Use.SHADOW_LIVE, settings.shadow_live_engine or "")


def _remotes(value: str) -> frozenset[str]:
    try:
        return parse_remotes(value)
    except ValueError:
        return frozenset()  # as with _names


def _names(value: str) -> list[str]:
    try:
        return [wish.name for wish in parse_wishes(value)]
    except ValueError:
        return []  # whoever keeps it says what is wrong with it


async def open_live_engines(settings: Settings) -> OpenLive:
    """All engines of the live pass, ready for the first call. Raises SettingError, MissingExtra
    or EngineFailed, with nothing left open."""
    tenants = Tenants.load(settings.tenants_path)
    return await OpenLive.of(
        engines_wanted(settings, tenants, Use.LIVE),
        engines_wanted(settings, tenants, Use.LIVE_FINAL),
        hosts=settings.live_hosts,
        timeout_s=settings.engine_timeout_s,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )


def remotes_of(settings: Settings) -> Remotes:
    """Where the settings have the remote engines, and the keys to show there."""
    return Remotes(
        openai_url=settings.openai_url,
        openai_key=settings.openai_key,
        realtime_url=settings.realtime_url,
        realtime_key=settings.realtime_key,
        realtime_protocol=settings.realtime_protocol,
        sarvam_url=settings.sarvam_url,
        sarvam_key=settings.sarvam_key,
        live_streams=settings.remote_live_streams,
        batch_requests=settings.remote_batch_requests,
    )


def models_here() -> list[Model]:
    """The models that can be fetched, of those engines that this version has."""
    return [model for model in CATALOGUE if model.engine in ENGINES]


@dataclass(frozen=True, slots=True)
class EngineHere:
    """An engine that needs nobody else, with a model that is on this machine."""

    name: str
    info: EngineInfo
    size_bytes: int
    live_speed: float


def engines_here(settings: Settings) -> list[EngineHere]:
    """All of them; one whose files are damaged is told in the log."""
    found = [(name, 0) for name, engine in ENGINES.items() if not engine.takes_model]
    pulled = model_cache(settings).pulled()
    found += [(f"{each.engine}:{each.name}", each.size_bytes) for each in pulled]
    here = []
    for name, size in found:
        engine = ENGINES.get(name.partition(":")[0])
        if engine is None:
            continue
        try:
            info = engine_info(name, settings.models_path)
        except SettingError as error:
            log.warning("engine_passed_over", engine=name, reason=error.message)
            continue
        if info.rank and not info.remote:  # what has none is for measuring the platform
            here.append(EngineHere(name, info, size, engine.live_speed))
    return here


def model_cache(settings: Settings) -> Cache:
    """Where models lie on this machine."""
    return Cache(settings.models_path)


def pull_model(
    settings: Settings, model: Model, *, watcher: Watcher, revision: str | None = None
) -> Pulled:
    """Have the model on this machine; blocks. Raises DownloadFailed and DiskFull."""
    from twicetold.engines.models.pulling import pull

    cache = model_cache(settings)
    return pull(model, cache, settings.models_hub, revision=revision, watcher=watcher)


@asynccontextmanager
async def open_decoder() -> AsyncIterator[Decoder]:
    """The decoder, started, for as long as the block runs. Raises DecoderFailed."""
    decoder = PyAvDecoder()
    try:
        await decoder.start()
        yield decoder
    finally:
        await decoder.aclose()
