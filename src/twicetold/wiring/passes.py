"""What the two passes are given: their engines, and their part of the settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.job import BatchSettings
from twicetold.batch.pipeline import Tools
from twicetold.config import Settings
from twicetold.engines import StreamingTranscriber
from twicetold.engines.registry import open_activity, open_batch, open_live
from twicetold.errors import TwicetoldError
from twicetold.live.call import LiveSettings
from twicetold.live.endpointing import EndpointSettings
from twicetold.media import Decoder
from twicetold.media.pyav import PyAvDecoder


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


@asynccontextmanager
async def loading_live(
    settings: Settings, begun: asyncio.Task[StreamingTranscriber] | None = None
) -> AsyncIterator[asyncio.Task[StreamingTranscriber]]:
    """The live engine, while it loads: await the task when it is needed. ``begun`` where the
    caller has begun to open it. Closed at the end, also where it has only just come."""
    loading = begun or asyncio.create_task(
        open_live(
            settings.live_engine,
            hosts=settings.live_hosts,
            timeout_s=settings.engine_timeout_s,
            models_dir=settings.models_path,
        )
    )
    try:
        yield loading
    finally:
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError, TwicetoldError):
            await (await loading).aclose()


@asynccontextmanager
async def tools_with(settings: Settings, decoder: Decoder) -> AsyncIterator[Tools]:
    """What the batch pass works with. A chunk is longer than an utterance, and the engine's
    hosts give way to live calls: it gets more time."""
    timeout_s = settings.engine_timeout_s + 10 * settings.batch_chunk_s
    engine = await open_batch(
        settings.batch_engine,
        hosts=settings.batch_hosts,
        timeout_s=timeout_s,
        models_dir=settings.models_path,
    )
    try:
        yield Tools(decoder, engine, open_activity(engine.info))
    finally:
        await engine.aclose()


@asynccontextmanager
async def batch_tools(settings: Settings) -> AsyncIterator[Tools]:
    """What ``transcribe`` needs to work on files without a server."""
    decoder = PyAvDecoder()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(decoder.aclose)
        await decoder.start()
        yield await stack.enter_async_context(tools_with(settings, decoder))
