"""What the two passes are given: their engines, and their part of the settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.job import BatchSettings
from twicetold.batch.kits import BatchEngines, Kit
from twicetold.batch.pipeline import Tools
from twicetold.choice.chain import Chain, Member
from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use
from twicetold.config import Settings
from twicetold.engines import Transcriber
from twicetold.engines.opening import NotOpen, OpenLive, close_all, guarded_by, healths_of, open_all
from twicetold.engines.registry import open_activity, open_batch, rank_of
from twicetold.errors import TwicetoldError
from twicetold.live.call import LiveSettings
from twicetold.live.endpointing import EndpointSettings
from twicetold.media import Decoder
from twicetold.media.pyav import PyAvDecoder
from twicetold.parts import engines_wanted, open_live_engines, remotes_of, wishes_of
from twicetold.tenants import Tenants


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
    settings: Settings, begun: asyncio.Task[OpenLive] | None = None
) -> AsyncIterator[asyncio.Task[OpenLive]]:
    """The live engines, while they load: await the task when they are needed. ``begun`` where the
    caller has begun to open them. Closed at the end, also where they have only just come."""
    loading = begun or asyncio.create_task(open_live_engines(settings))
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
    [name, *_] = [wish.name for wish in wishes_of(settings).of(Use.BATCH)]
    engine = await open_batch(
        name,
        hosts=settings.batch_hosts,
        timeout_s=timeout_s,
        niceness=settings.batch_niceness,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    try:
        yield Tools(decoder, engine, open_activity(engine.info))
    finally:
        await engine.aclose()


@asynccontextmanager
async def batch_engines(
    settings: Settings, tenants: Tenants, policy: Policy, decoder: Decoder
) -> AsyncIterator[BatchEngines]:
    """All engines that recordings are transcribed with. Raises SettingError, MissingExtra or
    EngineFailed, with nothing left open."""
    timeout_s = settings.engine_timeout_s + 10 * settings.batch_chunk_s
    opened = partial(
        open_batch,
        hosts=settings.batch_hosts,
        timeout_s=timeout_s,
        niceness=settings.batch_niceness,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    # Models' files are read for it, and live calls may be running.
    wanted = await asyncio.to_thread(engines_wanted, settings, tenants, Use.BATCH)
    engines = await open_all(wanted, opened)
    try:
        kits = {name: _kit(decoder, member.engine) for name, member in engines.items()}
        for name in wanted:
            if name not in kits:
                info = await asyncio.to_thread(policy.info, name)
                kits[name] = _kit(decoder, NotOpen(info))

        def of(tenant: str, language: str) -> Chain[Kit]:
            def theirs() -> list[Member[Kit]]:
                names = policy.names(Use.BATCH, tenant, language)
                return [kits[name] for name in names if name in kits]

            return Chain(theirs)

        first = next(iter(engines.values())).engine
        yield BatchEngines(
            first.parallel,
            of,
            rank_of,
            healths_of(kits),
            policy.expected,
            policy.learn,
            guarded_by({each.label: each.engine.tools.engine for each in kits.values()}),
        )
    finally:
        await close_all(engines)


def _kit(decoder: Decoder, engine: Transcriber) -> Member[Kit]:
    return Member(Kit.of(Tools(decoder, engine, open_activity(engine.info))))


@asynccontextmanager
async def batch_tools(settings: Settings) -> AsyncIterator[Tools]:
    """What ``transcribe`` needs to work on files without a server."""
    decoder = PyAvDecoder()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(decoder.aclose)
        await decoder.start()
        yield await stack.enter_async_context(tools_with(settings, decoder))
