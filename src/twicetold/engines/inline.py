"""Engines so cheap (well under 1 ms a second of audio) that they may run on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ParamSpec

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Sound, Stream
from twicetold.engines.hosted import HostedEngine, HostedStream, started
from twicetold.errors import EngineFailed, OddByteCount, TwicetoldError
from twicetold.speech.transcript import Hypothesis

P = ParamSpec("P")


class Inline:
    """A StreamingTranscriber and a Transcriber around an engine in this process, without a host.

    The batch verb, whose sounds are long, runs in a thread.
    """

    def __init__(self, engine: HostedEngine) -> None:
        self._engine = engine
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    @property
    def parallel(self) -> int:
        return 1

    @property
    def workers(self) -> int:
        return 1

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        if self._closed:
            raise EngineFailed("The engine has been closed.")
        try:
            return _InlineStream(started(self._engine, rate, language, adaptation, expected))
        except Exception as error:
            raise _failure(error) from error

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        if self._closed:
            raise EngineFailed("The engine has been closed.")
        try:
            return await asyncio.to_thread(
                lambda: [_timed(self._engine.transcribe, sound, language) for sound in sounds]
            )
        except Exception as error:
            raise _failure(error) from error

    async def aclose(self) -> None:
        self._closed = True


class _InlineStream:
    def __init__(self, stream: HostedStream) -> None:
        self._stream = stream
        self._over = False

    async def accept(self, pcm: bytes) -> Hypothesis:
        if len(pcm) % 2:
            raise OddByteCount(f"{len(pcm)} bytes are no whole number of 16-bit samples.")
        self._check_open()
        try:
            return _timed(self._stream.accept, pcm)
        except Exception as error:
            await self.aclose()
            raise _failure(error) from error

    async def finish(self) -> Hypothesis:
        self._check_open()
        try:
            return _timed(self._stream.finish)
        except Exception as error:
            raise _failure(error) from error
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        if not self._over:
            self._over = True
            self._stream.close()

    def _check_open(self) -> None:
        if self._over:
            raise EngineFailed("The stream is over: expected an open one but got a finished one.")


def _timed(hear: Callable[P, Hypothesis], *args: P.args, **kwargs: P.kwargs) -> Hypothesis:
    began = time.perf_counter()
    heard = hear(*args, **kwargs)
    return replace(heard, compute_s=time.perf_counter() - began)


def _failure(error: Exception) -> EngineFailed:
    if isinstance(error, TwicetoldError):
        return EngineFailed(error.message, error.hint)
    return EngineFailed(f"The engine raised {type(error).__name__}.")
