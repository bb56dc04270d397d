"""How a shadow engine hears a recording: whenever it is quiet, and nobody waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from twicetold.batch.checkpoints import KeptChunks
from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.pipeline import Tools, run_stages, stages
from twicetold.batch.places import EnginePlaces
from twicetold.batch.stages import Publish
from twicetold.batch.transcript import Transcript
from twicetold.choice.wishes import Use
from twicetold.engines import EngineInfo, Expected
from twicetold.speech.transcript import Segment

Quiet = Callable[[], Awaitable[None]]  # returns once no job is at work, nor could be


@dataclass(frozen=True, slots=True)
class ShadowHeard:
    """What came of one recording. ``compute_s`` is without the time in which others were."""

    segments: list[Segment]
    length_s: float
    compute_s: float


class ShadowEar(Protocol):
    """One engine, warm, in the pass that it is to be judged by."""

    @property
    def info(self) -> EngineInfo: ...

    async def hear(
        self, path: Path, language: str, expected: Expected, quiet: Quiet
    ) -> ShadowHeard:
        """The whole recording, in steps that each wait until it is quiet. Raises what is wrong
        with it or with the engine."""


Opened = Callable[[Use, str], AbstractAsyncContextManager[ShadowEar]]


class BatchShadowEar:
    """The batch pass, one chunk at a time."""

    def __init__(self, tools: Tools, settings: ChunkingSettings) -> None:
        self._tools, self._settings = tools, settings

    @property
    def info(self) -> EngineInfo:
        return self._tools.engine.info

    async def hear(
        self, path: Path, language: str, expected: Expected, quiet: Quiet
    ) -> ShadowHeard:
        segments: list[Segment] = []

        async def keep(_: Transcript, finished: AsyncIterator[Segment]) -> None:
            segments.extend([segment async for segment in finished])

        transcript = Transcript(path, language, KeptChunks())
        places = GivingWay(self._tools, quiet)
        steps = stages(self._tools, places, self._settings, Publish(keep), expected)
        await run_stages(steps, transcript)
        return ShadowHeard(segments, transcript.length_s, transcript.compute_s)


class GivingWay(EnginePlaces):
    """One place, for a chunk that begins when it is quiet."""

    def __init__(self, tools: Tools, quiet: Quiet) -> None:
        super().__init__(tools.engine, at_once=1)
        self._quiet = quiet

    async def acquire(self) -> None:
        await super().acquire()
        try:
            await self._quiet()
        except BaseException:
            self.release()
            raise


@dataclass(slots=True)
class OneEngine:
    """The ear of the engine that was asked for last: of others nothing stays in memory."""

    _opened: Opened
    _which: tuple[Use, str] | None = None
    _ear: ShadowEar | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def ear(self, use: Use, name: str) -> ShadowEar:
        """Raises what opening the engine raises."""
        if self._ear is None or self._which != (use, name):
            await self.aclose()
            self._ear = await self._stack.enter_async_context(self._opened(use, name))
            self._which = (use, name)
        return self._ear

    async def aclose(self) -> None:
        """May be used again."""
        self._ear = None
        await self._stack.aclose()
