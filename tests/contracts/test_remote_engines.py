"""Engines on other machines under the contract, each against a server that speaks its protocol
strictly and hears with the ear of ``counter``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

pytest.register_assert_rewrite("tests.contracts.engine_contract")

from tests.contracts.engine_contract import BatchContract, LiveContract, hear  # noqa: E402
from tests.servers import openai_realtime, vllm  # noqa: E402
from tests.servers.openai_realtime import OpenAiRealtimeServer  # noqa: E402
from tests.servers.sarvam_realtime import SarvamRealtimeServer  # noqa: E402
from tests.servers.speaking import KEY, ReferenceServer  # noqa: E402
from tests.servers.transcriptions import OpenAiServer, SarvamServer  # noqa: E402
from tests.servers.vllm import VllmServer  # noqa: E402

from twicetold.engines import (  # noqa: E402
    NOTHING_EXPECTED,
    EngineInfo,
    Expected,
    Sound,
    Stream,
    StreamingTranscriber,
    Transcriber,
)
from twicetold.engines.counter import render  # noqa: E402
from twicetold.engines.registry import open_batch, open_live  # noqa: E402
from twicetold.engines.remote import Remotes  # noqa: E402
from twicetold.speech.transcript import Hypothesis  # noqa: E402

pytestmark = pytest.mark.contracts

_TURNS = 60  # of the loop, in which what was sent is heard and answered: both ends are on it


class InStep:
    """What the contract says of ``accept`` is about what was heard; this one waits until the wire
    has brought it. Ends of both sides are on one loop, so turns of it will do, not time."""

    def __init__(self, engine: StreamingTranscriber) -> None:
        self._engine = engine

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        return _InStepStream(await self._engine.start_stream(rate, language, adaptation))

    async def aclose(self) -> None:
        await self._engine.aclose()


class _InStepStream:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def accept(self, pcm: bytes) -> Hypothesis:
        await self._stream.accept(pcm)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return await self._stream.accept(b"")

    async def finish(self) -> Hypothesis:
        return await self._stream.finish()

    async def aclose(self) -> None:
        await self._stream.aclose()


class Counting:
    first = Sound(render(17, 6, 16_000, pause_s=0.1), 16_000)
    second = Sound(render(400, 4, 16_000, pause_s=0.1), 16_000)

    async def check_telephone(self, live: StreamingTranscriber) -> None:
        _, last = await hear(live, Sound(render(5, 4, 8_000, pause_s=0.1), 8_000))
        assert last.text == "5 6 7 8"


class TestVllm(Counting, LiveContract):
    @pytest.fixture
    async def live(self) -> AsyncIterator[StreamingTranscriber]:
        async with VllmServer().open() as server:
            remotes = Remotes(realtime_url=server.url, realtime_key=KEY, realtime_protocol="vllm")
            engine = await open_live(
                f"realtime:{vllm.MODEL}", hosts=0, timeout_s=10, remotes=remotes
            )
            yield InStep(engine)
            await engine.aclose()

    async def test_a_telephone_rate_is_heard(self, live: StreamingTranscriber) -> None:
        await self.check_telephone(live)


class TestOpenAiRealtime(Counting, LiveContract):
    splits = False

    @pytest.fixture
    async def server(self) -> AsyncIterator[ReferenceServer]:
        server = OpenAiRealtimeServer()
        server.splits = self.splits
        async with server.open():
            yield server

    @pytest.fixture
    async def live(self, server: ReferenceServer) -> AsyncIterator[StreamingTranscriber]:
        remotes = Remotes(realtime_url=server.url, realtime_key=KEY)
        name = f"realtime:{openai_realtime.MODEL}"
        engine = await open_live(name, hosts=0, timeout_s=10, remotes=remotes)
        yield InStep(engine)
        await engine.aclose()

    async def test_a_telephone_rate_is_heard(self, live: StreamingTranscriber) -> None:
        await self.check_telephone(live)


class TestOpenAiRealtimeInItems(TestOpenAiRealtime):
    """A server that cuts an utterance into items, and completes the last one first."""

    splits = True


class TestSarvamRealtime(Counting, LiveContract):
    @pytest.fixture
    async def live(self) -> AsyncIterator[StreamingTranscriber]:
        async with SarvamRealtimeServer().open() as server:
            remotes = Remotes(sarvam_url=server.url, sarvam_key=KEY)
            engine = await open_live("sarvam", hosts=0, timeout_s=10, remotes=remotes)
            yield InStep(engine)
            await engine.aclose()

    async def test_a_telephone_rate_is_heard(self, live: StreamingTranscriber) -> None:
        await self.check_telephone(live)


class TestOpenAi(Counting, BatchContract):
    name, times = "openai:whisper-1", "words"

    @pytest.fixture
    async def batch(self) -> AsyncIterator[Transcriber]:
        server = OpenAiServer()
        server.times = self.times
        async with server.open():
            remotes = Remotes(openai_url=server.url, openai_key=KEY)
            engine = await open_batch(self.name, hosts=0, timeout_s=10, remotes=remotes)
            yield engine
            await engine.aclose()


class TestOpenAiWithoutTimes(TestOpenAi):
    name = "openai:gpt-4o-transcribe"


class TestOpenAiWithSpeakers(TestOpenAi):
    name = "openai:gpt-4o-transcribe-diarize"


class TestOpenAiWithSegmentsAlone(TestOpenAi):
    times = "segments"


class TestOpenAiThatRefusesTimes(TestOpenAi):
    times = "none"


class TestSarvam(Counting, BatchContract):
    @pytest.fixture
    async def batch(self) -> AsyncIterator[Transcriber]:
        async with SarvamServer().open() as server:
            remotes = Remotes(sarvam_url=server.url, sarvam_key=KEY)
            engine = await open_batch("sarvam", hosts=0, timeout_s=10, remotes=remotes)
            yield engine
            await engine.aclose()
