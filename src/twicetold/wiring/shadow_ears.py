"""Shadow engines as the shadow worker uses them: by one host of lowest priority and with a decoder
of their own, so that no recording and no call waits for them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from twicetold.batch.pipeline import Tools
from twicetold.batch.shadow_hearing import BatchShadowEar, Quiet, ShadowEar, ShadowHeard
from twicetold.choice.chain import Chain
from twicetold.choice.wishes import Use
from twicetold.config import Settings
from twicetold.engines import EngineInfo, Expected, StreamingTranscriber
from twicetold.engines.registry import open_activity, open_batch, open_live
from twicetold.live.detection import Detector
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.engines import Engines
from twicetold.media import Decoder
from twicetold.media.pyav import PyAvDecoder
from twicetold.parts import remotes_of
from twicetold.wiring.ears import played
from twicetold.wiring.passes import batch_settings, live_settings


@asynccontextmanager
async def open_shadow_ear(settings: Settings, use: Use, name: str) -> AsyncIterator[ShadowEar]:
    """The engine, open for as long as the block runs. Raises SettingError, MissingExtra or
    EngineFailed."""
    async with AsyncExitStack() as stack:
        decoder = PyAvDecoder()
        stack.push_async_callback(decoder.aclose)
        await decoder.start()
        opening = _open_live if use is Use.SHADOW_LIVE else _open_batch
        yield await opening(settings, name, decoder, stack)


async def _open_batch(
    settings: Settings, name: str, decoder: Decoder, stack: AsyncExitStack
) -> ShadowEar:
    engine = await open_batch(
        name,
        hosts=1,
        timeout_s=settings.engine_timeout_s + 10 * settings.batch_chunk_s,
        niceness=settings.batch_niceness,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    stack.push_async_callback(engine.aclose)
    tools = Tools(decoder, engine, open_activity(engine.info))
    return BatchShadowEar(tools, batch_settings(settings).chunking)


async def _open_live(
    settings: Settings, name: str, decoder: Decoder, stack: AsyncExitStack
) -> ShadowEar:
    engine = await open_live(
        name,
        hosts=1,
        timeout_s=settings.engine_timeout_s,
        niceness=settings.batch_niceness,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    stack.push_async_callback(engine.aclose)
    detector = Detector(open_activity(engine.info))
    stack.callback(detector.close)
    return LiveShadowEar(engine, detector, decoder, live_settings(settings).endpointing)


class LiveShadowEar:
    """The live pass over a recording that is played to it, a decoded block at a time."""

    def __init__(
        self,
        engine: StreamingTranscriber,
        detector: Detector,
        decoder: Decoder,
        settings: EndpointSettings,
    ) -> None:
        self._engine, self._detector = engine, detector
        self._decoder, self._settings = decoder, settings

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    async def hear(
        self, path: Path, language: str, expected: Expected, quiet: Quiet
    ) -> ShadowHeard:
        waited_s = 0.0

        async def blocks() -> AsyncIterator[bytes]:
            nonlocal waited_s
            async for block in decoding.blocks():
                asked = time.perf_counter()
                await quiet()
                waited_s += time.perf_counter() - asked
                yield block

        async with aclosing(await self._decoder.open_file(path)) as decoding:
            began = time.perf_counter()
            # A failure is forgotten with its recording.
            engines = Engines(Chain.of(self._engine), expected=lambda: expected)
            call = played(decoding.info, language, engines, self._detector, self._settings)
            await call.play(blocks())
            took_s = time.perf_counter() - began - waited_s
        # Each channel counts its own utterances; here they are of one text.
        segments = [replace(each, number=at) for at, each in enumerate(call.segments, 1)]
        return ShadowHeard(segments, call.length_s, took_s)
