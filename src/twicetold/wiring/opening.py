"""URL scheme → adapter, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog
from obstore.store import LocalStore

from twicetold.broker import Broker
from twicetold.broker.file.broker import FileBroker
from twicetold.choice.wishes import Use
from twicetold.config import Settings, masked
from twicetold.data_directory import Holder, held
from twicetold.errors import SettingError, Unavailable
from twicetold.gateway.context import Platform
from twicetold.installation import installation_of
from twicetold.media.pyav import PyAvDecoder
from twicetold.parts import (
    enrichment_by,
    kafka_broker,
    places_of,
    policy_of,
    prices_of,
    rabbit_broker,
    refuse_missing_extras,
)
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions import Sessions
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.storage import open_store
from twicetold.tenants import Tenants
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.webhooks.addresses import Allowed
from twicetold.webhooks.sqlite import SqliteOutbox
from twicetold.wiring.rule_files import rubric_by, rules_by

if TYPE_CHECKING:  # an extra
    from twicetold.sessions.redis import RedisSessions

_OURS_ALONE = ("file://",)  # brokers that live in one process

log = structlog.get_logger()

_Made = TypeVar("_Made")


def shared(settings: Settings) -> bool:
    """Whether several processes may work on one data directory: the broker decides."""
    return settings.broker not in _OURS_ALONE


def refuse_alone(settings: Settings, role: str) -> None:
    """Raises SettingError where a role by itself would find nobody to work with."""
    if not shared(settings):
        raise SettingError(
            f"broker got {settings.broker}, which lives in one process; a {role} by itself needs "
            "one that processes share.",
            "Set broker to kafka://HOST:PORT or rabbitmq://HOST, or run all roles in one process: "
            "twicetold serve",
        )


@dataclass(slots=True)
class Opener:
    """Opens the carriers that a role needs, on a data directory that it holds.

    ``waiting`` is told, by carrier, what it waits for, at the URL that ``shown`` makes of the
    setting; ``stack`` closes all again.
    """

    settings: Settings
    stack: AsyncExitStack
    holder: Holder
    waiting: dict[str, str]
    shown: Callable[[str], str]

    @classmethod
    def on(
        cls,
        settings: Settings,
        stack: AsyncExitStack,
        role: str,
        waiting: dict[str, str],
        shown: Callable[[str], str] = masked,
    ) -> Opener:
        """Raises DataDirectoryLocked, DiskFull or SettingError."""
        keeps = places_of(settings)
        holding = held(settings.data_dir, role, shared=shared(settings), keeps=keeps)
        return cls(settings, stack, stack.enter_context(holding), waiting, shown)

    async def running_calls(self) -> tuple[Sessions, Broker]:
        """The record of the calls that run and their log, both at work. A broker may have the
        session store keep for it what it cannot keep itself."""
        refuse_missing_extras(sessions=self.settings.sessions, broker=self.settings.broker)
        sessions = await _open_sessions(self.settings)
        self.stack.push_async_callback(sessions.aclose)
        broker = await _open_broker(self.settings, sessions)
        self.stack.push_async_callback(broker.aclose)
        await self._answering("sessions", self.settings.sessions, sessions.start)
        await self._answering("broker", self.settings.broker, broker.start)
        return sessions, broker

    async def queue(self) -> SqliteQueue:
        _only(self.settings.queue, "queue", "sqlite://")
        path = self.settings.data_dir / "queue.sqlite3"
        queue = await _opened(partial(SqliteQueue, path, lease_s=self.settings.job_lease_s))
        self.stack.push_async_callback(queue.aclose)
        if not self.holder.shared:  # the directory is ours alone: whoever held a job is dead
            await _once_free(queue.free_leases)
        return queue

    async def shadow_orders(self) -> SqliteQueue:
        """The shadows' own queue. Attempts that ended with their process count there: a model too
        large for the machine must not be tried for ever."""
        path = self.settings.data_dir / "shadows.sqlite3"
        orders = await _opened(partial(SqliteQueue, path, lease_s=self.settings.job_lease_s))
        self.stack.push_async_callback(orders.aclose)
        return orders

    async def outbox(self) -> SqliteOutbox:
        """What webhooks are to tell. Raises SettingError for networks that are none."""
        Allowed.parse(self.settings.webhook_networks or "")
        outbox = await _opened(partial(SqliteOutbox, self.settings.data_dir / "webhooks.sqlite3"))
        self.stack.push_async_callback(outbox.aclose)
        if not self.holder.shared:
            await _once_free(outbox.free_claims)
        return outbox

    async def transcripts(self) -> SqliteTranscripts:
        _only(self.settings.transcripts, "transcripts", "sqlite://")
        path = self.settings.data_dir / "transcripts.sqlite3"
        prices = prices_of(self.settings)
        transcripts = await _opened(partial(SqliteTranscripts, path, prices=prices))
        self.stack.push_async_callback(transcripts.aclose)
        return transcripts

    def store(self) -> LocalStore:
        return open_store(self.settings.store, self.settings.data_dir)

    def decoder(self) -> tuple[PyAvDecoder, asyncio.Task[None]]:
        """The decoder, and its start, which takes a moment."""
        decoder = PyAvDecoder()
        self.stack.push_async_callback(decoder.aclose)
        starting = asyncio.create_task(decoder.start())
        self.stack.push_async_callback(_given_up, starting)
        return decoder, starting

    async def _answering(self, name: str, url: str, start: Callable[[], Awaitable[None]]) -> None:
        """Start a carrier, which tries for as long as it takes and logs what does not answer."""
        self.waiting[name] = f"Waits for {self.shown(url)}."
        await start()
        del self.waiting[name]


@asynccontextmanager
async def carriers(
    settings: Settings,
    role: str = "serve",
    waiting: dict[str, str] | None = None,
    shown: Callable[[str], str] = masked,
) -> AsyncIterator[Platform]:
    """The data directory held, every store and the broker open, nobody at work yet."""
    async with AsyncExitStack() as stack:
        opener = Opener.on(settings, stack, role, {} if waiting is None else waiting, shown)
        decoder, starting = opener.decoder()
        queue, transcripts = await opener.queue(), await opener.transcripts()
        sessions, broker = await opener.running_calls()
        await starting
        tenants = Tenants.load(settings.tenants_path)
        policy = policy_of(settings, tenants)
        live = await asyncio.to_thread(policy.first, Use.LIVE)
        batch = await asyncio.to_thread(policy.first, Use.BATCH)
        yield Platform(
            settings=settings,
            broker=broker,
            sessions=sessions,
            queue=queue,
            transcripts=transcripts,
            store=opener.store(),
            decoder=decoder,
            tenants=tenants,
            policy=policy,
            live_engine=live,
            batch_engine=batch,
            shadow_orders=await opener.shadow_orders(),
            enrichment=enrichment_by(settings, tenants),
            rules=rules_by(enrichment_by(settings, tenants)),
            rubric=rubric_by(enrichment_by(settings, tenants)),
            outbox=await opener.outbox(),
        )


async def _opened(store: Callable[[], _Made]) -> _Made:
    """A store whose file may have to be made or brought up to date."""
    return await _once_free(partial(asyncio.to_thread, store))


async def _once_free(work: Callable[[], Awaitable[_Made]]) -> _Made:
    """Done once nobody holds the database any more: whoever starts has no reason to end for it.
    Each try has waited for ten seconds by itself."""
    while True:
        try:
            return await work()
        except Unavailable as error:
            if not error.busy:
                raise
            log.warning("start_waits_for_database", code=error.code, reason=error.message)


async def _given_up(task: asyncio.Task[None]) -> None:
    """It may be done long since; whoever awaits it elsewhere is told what went wrong."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _open_sessions(settings: Settings) -> SqliteSessions | RedisSessions:
    if settings.sessions == "sqlite://":
        return await _opened(partial(SqliteSessions, settings.data_dir / "sessions.sqlite3"))
    if scheme_of(settings.sessions) not in ("redis", "rediss"):
        raise _unknown(settings.sessions, "sessions", "sqlite://, redis:// or rediss://")
    from twicetold.sessions.redis import RedisSessions  # an extra

    installation = await asyncio.to_thread(installation_of, settings.data_dir)
    return RedisSessions(settings.sessions, installation)


async def _open_broker(settings: Settings, sessions: SqliteSessions | RedisSessions) -> Broker:
    if settings.broker == "file://":
        return FileBroker(settings.data_dir / "log")
    installation = await asyncio.to_thread(installation_of, settings.data_dir)
    if scheme_of(settings.broker) == "kafka":
        return kafka_broker(settings.broker, installation)
    if scheme_of(settings.broker) == "rabbitmq":
        return rabbit_broker(settings.broker, sessions.coordination, installation)
    raise _unknown(settings.broker, "broker", "file://, kafka://HOST:PORT or rabbitmq://HOST:PORT")


def _only(url: str, name: str, known: str) -> None:
    if url != known:
        raise _unknown(url, name, known)


def _unknown(url: str, name: str, known: str) -> SettingError:
    """Names the scheme alone: the rest of a URL may hold a password."""
    return SettingError(f"{name} got {scheme_of(url)}://…; it takes {known}.")


def scheme_of(url: str) -> str:
    return url.partition("://")[0]
