"""An engine in one of the passes, as evaluation judges it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import numpy as np

from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.measuring import warm_up
from twicetold.batch.pipeline import Tools, transcribe_file
from twicetold.choice.chain import Chain
from twicetold.config import Settings
from twicetold.engines import EngineInfo, StreamingTranscriber
from twicetold.engines.registry import open_activity, open_batch, open_live
from twicetold.errors import BadParameter
from twicetold.evaluation import Ear, Heard, OnShare, Pass
from twicetold.live.detection import Detector
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.engines import Engines
from twicetold.live.playing import PlayedCall
from twicetold.media import Decoder, SoundInfo
from twicetold.media.dual_mono import same_sound
from twicetold.parts import remotes_of
from twicetold.wiring.passes import batch_settings, live_settings

_WARM_RATE = 16_000


@asynccontextmanager
async def open_ear(
    settings: Settings, engine: str, pass_: Pass, decoder: Decoder
) -> AsyncIterator[Ear]:
    """The engine, warm, for as long as the block runs; both passes at the same priority. Raises
    SettingError, EngineFailed, MissingExtra, … where it does not start."""
    if pass_ is Pass.BATCH:
        opening = _open_batch(settings, engine, decoder)
    else:
        opening = _open_live(settings, engine, decoder)
    async with opening as ear:
        yield ear


@asynccontextmanager
async def _open_batch(settings: Settings, name: str, decoder: Decoder) -> AsyncIterator[Ear]:
    engine = await open_batch(
        name,
        hosts=settings.batch_hosts,
        timeout_s=settings.engine_timeout_s + 10 * settings.batch_chunk_s,
        niceness=0,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    try:
        tools = Tools(decoder, engine, open_activity(engine.info))
        if not engine.info.remote:  # there is nothing to load here
            await warm_up(tools, _known_language(settings.language, engine.info))
        yield BatchEar(tools, batch_settings(settings).chunking)
    finally:
        await engine.aclose()


@asynccontextmanager
async def _open_live(settings: Settings, name: str, decoder: Decoder) -> AsyncIterator[Ear]:
    engine = await open_live(
        name,
        hosts=settings.live_hosts,
        timeout_s=settings.engine_timeout_s,
        models_dir=settings.models_path,
        remotes=remotes_of(settings),
    )
    try:
        activity = open_activity(engine.info)
        await asyncio.to_thread(activity.probabilities, activity.start(_WARM_RATE), b"")
        if not engine.info.remote:
            await _warm_up(engine, _known_language(settings.language, engine.info))
        detector = Detector(activity)
        try:
            yield LiveEar(engine, detector, decoder, live_settings(settings).endpointing)
        finally:
            detector.close()
    finally:
        await engine.aclose()


class BatchEar:
    """The batch pass, as ``transcribe`` runs it."""

    def __init__(self, tools: Tools, settings: ChunkingSettings) -> None:
        self._tools, self._settings = tools, settings

    @property
    def model(self) -> str:
        return self._tools.engine.info.model

    def spoken(self, language: str) -> str:
        return self._tools.engine.info.spoken(language)

    async def hear(self, path: Path, language: str, on_share: OnShare) -> Heard:
        def on_progress(done_s: float, total_s: float) -> None:
            on_share(min(1.0, done_s / total_s) if total_s else 0.0)

        told = await transcribe_file(
            path,
            self._tools,
            language=language,
            settings=self._settings,
            on_progress=on_progress,
        )
        return Heard(told.segments, told.length_s, told.channels)


class LiveEar:
    """The live pass, from decoding to its finals."""

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
    def model(self) -> str:
        return self._engine.info.model

    def spoken(self, language: str) -> str:
        return self._engine.info.spoken(language)

    async def hear(self, path: Path, language: str, on_share: OnShare) -> Heard:
        async with aclosing(await self._decoder.open_file(path)) as decoding:
            engines = Engines(Chain.of(self._engine))  # a failure is forgotten with its recording
            call = played(decoding.info, language, engines, self._detector, self._settings)
            length_s = decoding.info.length_s or 0.0
            await call.play(
                decoding.blocks(),
                lambda at_s: on_share(min(1.0, at_s / length_s) if length_s else 0.0),
            )
        return Heard(call.segments, call.length_s, call.channels)


def played(
    info: SoundInfo,
    language: str,
    engines: Engines,
    detector: Detector,
    settings: EndpointSettings,
) -> PlayedCall:
    """A call that a recording is played into."""
    return PlayedCall(info.rate, info.channels, language, engines, detector, settings, same_sound)


def _known_language(wanted: str, info: EngineInfo) -> str:
    """To warm it up with, any will do that the engine knows."""
    try:
        return info.spoken(wanted)
    except BadParameter:
        return info.languages[0]


async def _warm_up(engine: StreamingTranscriber, language: str) -> None:
    """Have the engine load what it loads on first use: an utterance that says nothing."""
    noise = np.random.default_rng(7).normal(0, 300, _WARM_RATE).astype("<i2").tobytes()
    stream = await engine.start_stream(_WARM_RATE, language)
    try:
        await stream.accept(noise)
        await stream.finish()
    finally:
        await stream.aclose()
