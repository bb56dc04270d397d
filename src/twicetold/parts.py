"""Single parts for commands that need no server: the light half of the composition root.

``wiring`` brings the whole server with it, which takes a second to import; a command that
plays a file does not wait for that. These two alone know adapters.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use, Wishes, parse_remotes, parse_wishes
from twicetold.config import Settings
from twicetold.data_directory import Places
from twicetold.engines.models.cache import Cache
from twicetold.engines.models.catalogue import CATALOGUE, Model, model_named
from twicetold.engines.opening import OpenLive, Wanted
from twicetold.engines.registry import (
    ENGINES,
    engine_info,
    open_activity,
    open_batch,
    open_live,
    require_pass,
)
from twicetold.engines.remote import Remotes
from twicetold.enrich.wishes import ENRICHMENT_NAMES, Enrichment, checked_enrichment
from twicetold.errors import MissingExtra, SettingError
from twicetold.installation import known_installation
from twicetold.media import Decoder
from twicetold.media.pyav import PyAvDecoder
from twicetold.tenants import Tenants
from twicetold.transcripts.prices import SHAPE, Prices
from twicetold.transcripts.usage import (
    ENRICHMENT,
    LANGUAGE_MODEL,
    UsageFilter,
    UsageGroup,
    UsageLine,
)
from twicetold.webhooks.addresses import Allowed

if TYPE_CHECKING:
    from twicetold.broker import Coordination
    from twicetold.broker.kafka.broker import KafkaBroker
    from twicetold.broker.rabbitmq.broker import RabbitBroker
    from twicetold.engines import EngineInfo
    from twicetold.engines.models.pulling import Pulled, Watcher
    from twicetold.queue import JobState, JobStatus, Queue
    from twicetold.transcripts import Transcripts
    from twicetold.webhooks import Endpoint, Event, Outcome
    from twicetold.webhooks.sqlite import SqliteOutbox

log = structlog.get_logger()

_PACKAGES = {  # by the scheme that needs them
    "kafka": "confluent-kafka",
    "rabbitmq": "aio-pika",
    "redis": "redis",
    "rediss": "redis",
}
_USAGE_LINES = 1000  # at once
_LIVE = (Use.LIVE_FINAL, Use.LIVE)
_EXTRAS = {"confluent-kafka": "kafka", "aio-pika": "rabbitmq", "redis": "redis"}

__all__ = [
    "Cache",
    "Model",
    "engine_info",
    "engines_here",
    "engines_wanted",
    "enrichment_by",
    "enrichment_of",
    "kafka_broker",
    "live_devices",
    "model_cache",
    "model_named",
    "models_here",
    "open_activity",
    "open_batch",
    "open_decoder",
    "open_live",
    "open_live_engines",
    "places_of",
    "policy_of",
    "prices_of",
    "pull_model",
    "queued_jobs",
    "rabbit_broker",
    "refuse_missing_extras",
    "refuse_unknown_engines",
    "refuse_unknown_shadow",
    "remotes_of",
    "shadows_kept",
    "takes_vocabulary",
    "try_broker",
    "try_sessions",
    "try_webhook",
    "usage_kept",
    "webhooks_kept",
    "wishes_of",
]


def wishes_of(settings: Settings) -> Wishes:
    """What the server wants of engines."""
    return Wishes(
        settings.live_engine,
        settings.live_final_engine,
        settings.batch_engine,
        settings.allow_remote,
        shadow_engine=settings.shadow_engine,
        shadow_live_engine=settings.shadow_live_engine,
        shadow_share=str(settings.shadow_share),
    )


def enrichment_of(settings: Settings) -> Enrichment:
    """What the server makes of calls. Raises SettingError."""
    told = {name: getattr(settings, name) for name in ENRICHMENT_NAMES}
    return checked_enrichment(
        {name: str(value) for name, value in told.items() if value is not None}, "the settings"
    )


def enrichment_by(settings: Settings, tenants: Tenants) -> Callable[[str], Enrichment]:
    """What is made of a tenant's calls, by its name, as it stands at that moment."""
    of_server = enrichment_of(settings)
    return lambda tenant: tenants.enrichment(tenant).over(of_server)


def policy_of(settings: Settings, tenants: Tenants) -> Policy:
    """Who may have which engine."""
    info_of = partial(engine_info, models_dir=settings.models_path)
    return Policy(wishes_of(settings), tenants.wishes, info_of)


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


def prices_of(settings: Settings) -> Prices:
    """What engines, enrichment and language models cost. Raises SettingError for a table with a
    mistake, an engine that there is not, or a price that could never count."""
    prices, known = Prices.parse(settings.prices or ""), (*ENGINES, ENRICHMENT, LANGUAGE_MODEL)
    for name in prices.engines:
        if name not in known:
            raise SettingError(
                f"prices names engine {name!r}; there are {', '.join(known)}.",
                f"It takes {SHAPE}.",
            )
    return prices


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


def places_of(settings: Settings) -> Places:
    """Where the settings have the calls that run kept, for comparing: without who we are there.
    Raises SettingError for a URL that cannot be read."""
    return {
        "sessions": _places_of_sessions(settings.sessions),
        "broker": _places_of_broker(settings.broker),
    }


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


async def try_sessions(url: str, data_dir: Path) -> str | None:
    """Where the calls that run are kept, once that was tried; None in the data directory. Raises
    what opening it would."""
    if not url.startswith(("redis://", "rediss://")):
        return None
    from twicetold.sessions.redis import RedisSessions  # an extra

    store = RedisSessions(url, await asyncio.to_thread(known_installation, data_dir))
    try:
        await store.check()
    finally:
        await store.aclose()
    return store.name


async def try_broker(url: str, data_dir: Path) -> str | None:
    """Where the log is kept, once it has answered; None in the data directory. Raises what opening
    it would, and Unavailable."""
    scheme = url.partition("://")[0]
    installation = await asyncio.to_thread(known_installation, data_dir)
    if scheme == "kafka":
        return await kafka_broker(url, installation).probe()
    if scheme == "rabbitmq":
        refuse_missing_extras(broker=url)
        from twicetold.broker.rabbitmq.broker import probe

        return await probe(url, installation)
    return None


def refuse_missing_extras(*, sessions: str = "", broker: str = "") -> None:
    """Raises MissingExtra that names at once all that these settings need and is not there."""
    needs = {"sessions": sessions.partition("://")[0], "broker": broker.partition("://")[0]}
    missing = {
        f"{setting}={scheme}://": _PACKAGES[scheme]
        for setting, scheme in needs.items()
        if scheme in _PACKAGES and find_spec(_PACKAGES[scheme].replace("-", "_")) is None
    }
    if missing:
        said = [f"{setting} needs the package {package}" for setting, package in missing.items()]
        extras = ",".join(_EXTRAS[package] for package in missing.values())
        raise MissingExtra(f"{', and '.join(said)}.", f"pip install 'twicetold[{extras}]'")


def kafka_broker(url: str, installation: str) -> KafkaBroker:
    """Raises MissingExtra, or SettingError for the URL."""
    refuse_missing_extras(broker=url)
    from twicetold.broker.kafka.broker import KafkaBroker

    return KafkaBroker(url, installation)


def rabbit_broker(url: str, coordination: Coordination, installation: str) -> RabbitBroker:
    """Raises MissingExtra, or SettingError for the URL."""
    refuse_missing_extras(broker=url)
    from twicetold.broker.rabbitmq.broker import RabbitBroker

    return RabbitBroker(url, coordination, installation)


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


def _places_of_sessions(url: str) -> list[str]:
    if not url.startswith(("redis://", "rediss://")):
        return [_scheme_alone(url)]
    from twicetold.sessions.redis_address import parsed

    at = parsed(url)
    return [f"redis://{_host(at.host)}:{at.port}/{at.database}?prefix={at.prefix}"]


def _places_of_broker(url: str) -> list[str]:
    """Of one cluster, processes may name different hosts, as long as they have one in common."""
    from twicetold.broker.kafka.options import KafkaOptions
    from twicetold.broker.rabbitmq.options import RabbitOptions

    scheme = url.partition("://")[0]
    if scheme == "kafka":
        at, within = KafkaOptions.parse(url).url, ""
    elif scheme == "rabbitmq":
        rabbit = RabbitOptions.parse(url)
        at, within = rabbit.url, f"?vhost={rabbit.vhost}"
    else:
        return [_scheme_alone(url)]
    hosts = [host.rpartition(":") for host in at.hosts]
    return [f"{scheme}://{_host(name)}:{port}/{at.prefix}{within}" for name, _, port in hosts]


def _scheme_alone(url: str) -> str:
    """In the data directory; and what is no URL of ours may hold a password."""
    return url.partition("://")[0] + "://"


def _host(name: str) -> str:
    """One name for this machine."""
    return "localhost" if name.strip("[]") in ("127.0.0.1", "::1") else name.lower()


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


async def try_webhook(settings: Settings, endpoint: Endpoint, event: Event) -> Outcome:
    """Send one event now, as the server would, and once."""
    from twicetold.webhooks.posting import Poster
    from twicetold.webhooks.sending import send

    poster = Poster(Allowed.parse(settings.webhook_networks or ""))
    try:
        return await send(poster.post, endpoint, event, event.at)
    finally:
        await poster.aclose()


@asynccontextmanager
async def open_decoder() -> AsyncIterator[Decoder]:
    """The decoder, started, for as long as the block runs. Raises DecoderFailed."""
    decoder = PyAvDecoder()
    try:
        await decoder.start()
        yield decoder
    finally:
        await decoder.aclose()
