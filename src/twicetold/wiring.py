"""URL scheme → adapter: the composition root, the only place that knows every adapter."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from fastapi import FastAPI

from twicetold.batch.arrivals import Arrivals, ArrivalSettings
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.job import BatchSettings
from twicetold.batch.pipeline import Tools
from twicetold.batch.worker import BatchWorker
from twicetold.broker.file import FileBroker
from twicetold.config import Settings
from twicetold.descriptors import raise_limit
from twicetold.engines import StreamingTranscriber, Transcriber
from twicetold.engines.registry import engine_info, open_activity, open_batch, open_live
from twicetold.errors import (
    DataDirectoryLocked,
    DiskFull,
    EngineFailed,
    MissingExtra,
    PortInUse,
    SettingError,
    TwicetoldError,
    Unavailable,
)
from twicetold.gateway.app import create_app
from twicetold.gateway.captions import CaptionHub
from twicetold.gateway.context import Platform
from twicetold.installation import installation_of
from twicetold.live.call import LiveSettings
from twicetold.live.call_recorder import Carriers
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.recorder import Recorder
from twicetold.live.worker import LiveWorker
from twicetold.media.dual_mono import same_sound
from twicetold.media.pyav import PyAvDecoder
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.identity import DEFAULT_TENANT
from twicetold.storage import open_store
from twicetold.tenants import Tenants, refuse_open_door
from twicetold.transcripts import Transcripts
from twicetold.transcripts.sqlite import SqliteTranscripts

if TYPE_CHECKING:  # an extra
    from twicetold.sessions.redis import RedisSessions

log = structlog.get_logger()

_GRACE_S = 5
_IDLE_S = 5
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0  # before a role that failed begins again
_LARGEST_WEBSOCKET_MESSAGE = 8 * 1024 * 1024  # the gateway itself refuses above 1 MiB, in words
_BACKLOG = 2048
_HOST_HINT = "Use 127.0.0.1, an address of this machine, or 0.0.0.0 for all of them."


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    loading: asyncio.Task[StreamingTranscriber] | None = None,
) -> None:
    """Run all roles in this process until cancelled, SIGINT or SIGTERM; ``ready`` gets the URL.

    ``loading`` is the live engine where the caller has begun to open it.
    """
    refuse_open_door(settings.host, settings.tenants_path)
    listening = bind(settings.host, settings.port)
    url = _url(listening)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        platform = await stack.enter_async_context(running(settings, loading))
        app = create_app(platform)
        server = _Server(uvicorn_config(app))
        with _signals(server, app.state.captions):
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                await server.up.wait()
                if ready is not None and not serving.done():
                    ready(url)
                await asyncio.shield(serving)  # cancelled, it would not end its connections
            finally:
                server.should_exit = True
                app.state.captions.stop()
                await asyncio.gather(serving, *app.state.live_tasks, return_exceptions=True)


@asynccontextmanager
async def running(
    settings: Settings, loading: asyncio.Task[StreamingTranscriber] | None = None
) -> AsyncIterator[Platform]:
    """All carriers open and all roles but the gateway at work; on the way out all is closed."""
    raise_limit(settings.max_live_calls)
    loading = loading or asyncio.create_task(
        open_live(
            settings.live_engine, hosts=settings.live_hosts, timeout_s=settings.engine_timeout_s
        )
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_close_engine, loading)
        platform = await stack.enter_async_context(carriers(settings))
        engine = await loading
        worker = LiveWorker(
            platform.broker,
            platform.sessions,
            engine,
            open_activity(engine.info),
            live_settings(settings),
            same_sound=same_sound,
        )
        roles = {
            "live": worker.run(),
            "record": recorder(platform).run(),
            "batch": lasting("batch", lambda: _run_batch(platform)),
            "arrivals": lasting("arrivals", lambda: _arrivals(platform).run()),
        }
        await stack.enter_async_context(at_work(roles))
        yield platform


@asynccontextmanager
async def carriers(settings: Settings) -> AsyncIterator[Platform]:
    """The data directory locked, every store and the broker open, nobody at work yet."""
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(settings.data_dir))
        decoder = PyAvDecoder()
        stack.push_async_callback(decoder.aclose)
        sessions = _open_sessions(settings)
        stack.push_async_callback(sessions.aclose)
        queue = _open_queue(settings)
        stack.push_async_callback(queue.aclose)
        transcripts = _open_transcripts(settings)
        stack.push_async_callback(transcripts.aclose)
        broker = _open_broker(settings)
        stack.push_async_callback(broker.aclose)
        await sessions.start()
        # The directory is ours alone: whoever held a job in it is dead.
        await asyncio.gather(broker.start(), decoder.start(), queue.free_leases())
        yield Platform(
            settings=settings,
            broker=broker,
            sessions=sessions,
            queue=queue,
            transcripts=transcripts,
            store=open_store(settings.store, settings.data_dir),
            decoder=decoder,
            tenants=Tenants.load(settings.tenants_path),
            live_engine=engine_info(settings.live_engine),
            batch_engine=engine_info(settings.batch_engine),
        )


def recorder(platform: Platform) -> Recorder:
    """The recorder role on a platform's carriers."""
    settings = platform.settings
    to = Carriers(
        platform.broker,
        platform.sessions,
        platform.transcripts,
        platform.queue,
        platform.store,
        settings.data_dir / "spool",
    )
    return Recorder(to, abandon_after_s=settings.abandon_after_s)


async def _close_engine(loading: asyncio.Task[StreamingTranscriber]) -> None:
    """Also where something else failed while the engine was loading."""
    loading.cancel()
    with contextlib.suppress(asyncio.CancelledError, TwicetoldError):
        await (await loading).aclose()


@asynccontextmanager
async def batch_tools(settings: Settings) -> AsyncIterator[Tools]:
    """What ``transcribe`` needs to work on files without a server."""
    decoder = PyAvDecoder()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(decoder.aclose)
        await decoder.start()
        engine = await _open_batch(settings)
        stack.push_async_callback(engine.aclose)
        yield Tools(decoder, engine, open_activity(engine.info))


def live_settings(settings: Settings) -> LiveSettings:
    return LiveSettings(
        endpointing=EndpointSettings(
            min_silence_ms=settings.min_silence_ms,
            pre_roll_ms=settings.pre_roll_ms,
            max_utterance_s=settings.max_utterance_s,
            threshold=settings.vad_threshold,
        ),
        partial_interval_s=settings.partial_interval_ms / 1000,
    )


def batch_settings(settings: Settings) -> BatchSettings:
    return BatchSettings(
        chunking=ChunkingSettings(
            chunk_s=settings.batch_chunk_s,
            min_silence_ms=settings.min_silence_ms,
            pre_roll_ms=settings.pre_roll_ms,
            threshold=settings.vad_threshold,
        ),
        job_lease_s=settings.job_lease_s,
        job_attempts=settings.job_attempts,
        settle_s=settings.settle_s,
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortInUse, SettingError or Unavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)  # at once: bound only, the port could be bound a second time
    except (OSError, UnicodeError) as error:
        listening.close()
        raise _cannot_listen(host, port, error) from error
    return listening


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> TwicetoldError:
    if isinstance(error, UnicodeError | socket.gaierror):
        return SettingError(f"host got {host!r}, of which no address is known.", _HOST_HINT)
    reason = f"Cannot listen on {host} port {port}: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return PortInUse(reason)
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return SettingError(f"host got {host!r}, which is no address of this machine.", _HOST_HINT)
    if error.errno in (errno.EACCES, errno.EPERM):
        return SettingError(reason, "Ports below 1024 need rights; choose another with --port.")
    return Unavailable(reason)


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process alone. Raises DataDirectoryLocked."""
    try:
        data_dir.mkdir(0o700, parents=True, exist_ok=True)  # what people said, for no other user
        file = (data_dir / "lock").open("a+")
    except OSError as error:
        hint = "Choose another directory with --data-dir."
        raise DiskFull(f"Cannot write to {data_dir}: {error.strerror}.", hint) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read(20).strip() or "unknown"
            raise DataDirectoryLocked(
                f"{data_dir} is in use by another server (process {holder})."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _open_broker(settings: Settings) -> FileBroker:
    _only(settings.broker, "broker", "file://")
    return FileBroker(settings.data_dir / "log")


def _open_sessions(settings: Settings) -> SqliteSessions | RedisSessions:
    if settings.sessions == "sqlite://":
        return SqliteSessions(settings.data_dir / "sessions.sqlite3")
    if not settings.sessions.startswith(("redis://", "rediss://")):
        raise _unknown(settings.sessions, "sessions", "sqlite://, redis:// or rediss://")
    from twicetold.sessions.redis import RedisSessions  # an extra

    return RedisSessions(settings.sessions, installation_of(settings.data_dir))


def _open_queue(settings: Settings) -> SqliteQueue:
    _only(settings.queue, "queue", "sqlite://")
    return SqliteQueue(settings.data_dir / "queue.sqlite3", lease_s=settings.job_lease_s)


def _open_transcripts(settings: Settings) -> Transcripts:
    _only(settings.transcripts, "transcripts", "sqlite://")
    return SqliteTranscripts(settings.data_dir / "transcripts.sqlite3")


def _only(url: str, name: str, known: str) -> None:
    if url != known:
        raise _unknown(url, name, known)


def _unknown(url: str, name: str, known: str) -> SettingError:
    """Names the scheme alone: the rest of a URL may hold a password."""
    return SettingError(f"{name} got {url.partition('://')[0]}://…; it takes {known}.")


def _arrivals(platform: Platform) -> Arrivals:
    settings = platform.settings
    return Arrivals(
        platform.store,
        platform.transcripts,
        platform.queue,
        settings=ArrivalSettings(
            settle_s=settings.settle_s,
            reconcile_every_s=settings.reconcile_every_s,
            language=settings.language,
        ),
        known_tenant=_known_tenant(platform.tenants),
    )


async def _open_batch(settings: Settings) -> Transcriber:
    """A chunk is longer than an utterance, and its hosts give way to live calls."""
    timeout_s = settings.engine_timeout_s + 10 * settings.batch_chunk_s
    return await open_batch(settings.batch_engine, hosts=settings.batch_hosts, timeout_s=timeout_s)


def _known_tenant(tenants: Tenants) -> Callable[[str], bool]:
    def known(name: str) -> bool:
        if tenants.open_mode:
            return name == DEFAULT_TENANT
        return any(tenant.name == name for tenant in tenants.list())

    return known


async def _run_batch(platform: Platform) -> None:
    """The engine of the batch pass loads after the live one, so that the first call can come."""
    settings = platform.settings
    engine = await _open_batch(settings)
    try:
        tools = Tools(platform.decoder, engine, open_activity(engine.info))
        worker = BatchWorker(
            platform.queue,
            platform.transcripts,
            platform.store,
            platform.broker,
            tools,
            settings=batch_settings(settings),
        )
        await worker.run()
    finally:
        await engine.aclose()


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


class _Server(uvicorn.Server):
    """uvicorn, telling when it is up, and leaving signals to us so that the carriers are closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def uvicorn_config(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Config:
    """How the gateway is served; ``host`` and ``port`` are not used where a socket is given."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ws="websockets-sansio",
        loop="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        ws_max_size=_LARGEST_WEBSOCKET_MESSAGE,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_GRACE_S,
        # An idle connection holds one of the file descriptors that calls need. Not
        # limit_concurrency: that counts calls as well, and would shut /healthz out with them.
        timeout_keep_alive=_IDLE_S,
        server_header=False,
    )


@contextmanager
def _signals(server: uvicorn.Server, captions: CaptionHub) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True
        captions.stop()  # or streams that follow a call would hold the shutdown up

    signals = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in signals:
            loop.add_signal_handler(number, stop)
        installed = True
    except (ValueError, RuntimeError):  # not the main thread: whoever runs us cancels us
        installed = False
    try:
        yield
    finally:
        for number in signals if installed else ():
            loop.remove_signal_handler(number)
