"""A batch worker on the embedded carriers and real files; the engine counts tone bursts."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from obstore.store import LocalStore
from tests.unit.batch.doubles import CountedEngine

from twicetold.batch.arrivals import Arrivals, ArrivalSettings
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.enriching import NOTHING, Enriching
from twicetold.batch.job import BatchSettings
from twicetold.batch.kits import BatchEngines
from twicetold.batch.pipeline import Tools
from twicetold.batch.worker import BatchWorker, WorkDone
from twicetold.broker.file.broker import FileBroker
from twicetold.engines import Transcriber
from twicetold.engines.counter import ToneActivity
from twicetold.media.pyav import PyAvDecoder
from twicetold.queue import Job, JobState
from twicetold.queue.sqlite import SqliteQueue
from twicetold.speech.identity import CallKey
from twicetold.speech.wav import wav_head
from twicetold.storage import local_path, open_store, recording_key
from twicetold.transcripts import NewCall, Version
from twicetold.transcripts.prices import NO_PRICES, Prices
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.webhooks import NOBODY, Announcer

RATE = 8000
KEY = CallKey("acme", "call-1")
SETTINGS = BatchSettings(
    chunking=ChunkingSettings(chunk_s=5.0),
    job_lease_s=3.0,
    job_attempts=3,
    retry_base_s=0.02,
    status_every_s=0.05,
    settle_s=0.3,
)
ARRIVALS = ArrivalSettings(settle_s=0.3, reconcile_every_s=3600.0, language="en")


def wav(pcm: bytes, channels: int = 1) -> bytes:
    return wav_head(RATE, channels, len(pcm)) + pcm


@dataclass
class World:
    """Everything that a server would have, on a directory of the test's own."""

    root: Path
    store: LocalStore
    transcripts: SqliteTranscripts
    queue: SqliteQueue
    broker: FileBroker
    decoder: PyAvDecoder
    engine: CountedEngine = field(default_factory=CountedEngine)
    work_done: WorkDone = field(default_factory=WorkDone)

    @contextlib.asynccontextmanager
    async def worker(
        self,
        settings: BatchSettings = SETTINGS,
        engines: BatchEngines | None = None,
        published: Callable[[Job], Awaitable[None]] | None = None,
        enriching: Callable[[str, str], Enriching] = lambda tenant, language: NOTHING,
        announcer: Announcer = NOBODY,
    ) -> AsyncIterator[asyncio.Task[None]]:
        worker = BatchWorker(
            self.queue,
            self.transcripts,
            self.store,
            self.broker,
            engines or BatchEngines.alone(self.tools()),
            settings=settings,
            done=self.work_done,
            published=published,
            enriching=enriching,
            announcer=announcer,
        )
        async with running(worker.run()) as task:
            yield task

    def tools(self, engine: Transcriber | None = None) -> Tools:
        return Tools(self.decoder, engine or self.engine, ToneActivity())

    def arrivals(self, tenants: set[str] | None = None) -> Arrivals:
        known = (lambda _: True) if tenants is None else tenants.__contains__
        return Arrivals(
            self.store, self.transcripts, self.queue, settings=ARRIVALS, known_tenant=known
        )

    def record(self, body: bytes, key: CallKey = KEY, suffix: str = ".wav") -> Job:
        """Put a recording in place, as long ago as it takes to have settled."""
        name = recording_key(key, suffix)
        path = local_path(self.store, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        long_ago = time.time() - 60
        os.utime(path, (long_ago, long_ago))
        return Job(key, hashlib.sha256(body).hexdigest(), name, "en")

    async def begin(self, key: CallKey = KEY, source: str = "upload") -> None:
        await self.transcripts.begin_call(NewCall(key, 1000.0, 1, source, "en"))

    async def job(self, state: JobState, key: CallKey = KEY) -> None:
        """Wait until the call's newest job is in that state."""
        async with asyncio.timeout(50.0):
            for _ in range(5000):
                found = await self.queue.job_of(key)
                if found is not None and found.state is state:
                    return
                await asyncio.sleep(0.01)

    async def said(self, key: CallKey = KEY, channel: int = 0) -> list[int]:
        return [
            int(word.text)
            async for segment in self.transcripts.segments(key, Version.CANONICAL)
            if segment.channel == channel
            for word in segment.words
        ]

    def checkpoints(self) -> list[Path]:
        return sorted((self.root / "store" / "jobs").rglob("*.json"))


@contextlib.asynccontextmanager
async def running(role: object) -> AsyncIterator[asyncio.Task[None]]:
    task: asyncio.Task[None] = asyncio.create_task(role)  # type: ignore[arg-type]
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def a_world(directory: Path, prices: Prices = NO_PRICES) -> AsyncIterator[World]:
    async with contextlib.AsyncExitStack() as stack:
        transcripts = SqliteTranscripts(directory / "transcripts.sqlite3", prices=prices)
        stack.push_async_callback(transcripts.aclose)
        queue = SqliteQueue(directory / "queue.sqlite3", lease_s=SETTINGS.job_lease_s)
        stack.push_async_callback(queue.aclose)
        broker = FileBroker(directory / "log")
        await broker.start()
        stack.push_async_callback(broker.aclose)
        decoder = PyAvDecoder()
        stack.push_async_callback(decoder.aclose)
        store = open_store("file://", directory)
        yield World(directory, store, transcripts, queue, broker, decoder)
