"""What a remote engine's adapter adds: ``python -m benchmarks remote``.

The reference servers of the tests, in a process of their own on this machine, hear with the ear of
engine ``counter``, which costs next to nothing: what is left is the adapter, the wire and the
server's own Python. Live: streams at their real speed, 100 ms a message. Batch: chunks of 30 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.servers import openai_realtime, vllm
from tests.servers.openai_realtime import OpenAiRealtimeServer
from tests.servers.sarvam_realtime import SarvamRealtimeServer
from tests.servers.speaking import KEY
from tests.servers.transcriptions import OpenAiServer, SarvamServer
from tests.servers.vllm import VllmServer

from benchmarks.common import save, summary
from twicetold.engines import Sound, StreamingTranscriber
from twicetold.engines.counter import CounterEngine, render
from twicetold.engines.inline import Inline
from twicetold.engines.registry import open_batch, open_live
from twicetold.engines.remote import Remotes

_SERVERS: dict[str, Any] = {
    "vllm": VllmServer,
    "openai": OpenAiRealtimeServer,
    "sarvam": SarvamRealtimeServer,
    "openai files": OpenAiServer,
    "sarvam files": SarvamServer,
}
_STREAMS = 10
_UTTERANCES = 6
_PIECE_S = 0.1
_APART_S = 2.5  # about an utterance
_RATE = 16_000


def _remotes(kind: str, url: str) -> tuple[str, Remotes]:
    if kind.startswith("sarvam"):
        return "sarvam", Remotes(sarvam_url=url, sarvam_key=KEY)
    if kind == "openai files":
        return "openai:whisper-1", Remotes(openai_url=url, openai_key=KEY)
    model = vllm.MODEL if kind == "vllm" else openai_realtime.MODEL
    return f"realtime:{model}", Remotes(realtime_url=url, realtime_key=KEY, realtime_protocol=kind)


@contextlib.contextmanager
def _served(kind: str) -> Iterator[str]:
    """A reference server in a process of its own; its URL."""
    command = [sys.executable, "-m", "benchmarks.remote", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.kill()


class _Times:
    """Milliseconds that each verb took, and how late words were shown."""

    def __init__(self) -> None:
        self.start: list[float] = []
        self.accept: list[float] = []
        self.finish: list[float] = []
        self.words = 0

    @contextlib.contextmanager
    def taking(self, verb: list[float]) -> Iterator[None]:
        began = time.perf_counter()
        yield
        verb.append(1000 * (time.perf_counter() - began))


async def _speak(engine: StreamingTranscriber, number: int, times: _Times) -> None:
    """One channel: utterances of some seconds, one after another, at real speed."""
    await asyncio.sleep(_APART_S * number / _STREAMS)  # people do not begin all at once
    size = int(_PIECE_S * _RATE) * 2
    for turn in range(_UTTERANCES):
        pcm = render(1000 * number + 10 * turn, 10, _RATE, pause_s=0.5, gap_s=0.1)
        with times.taking(times.start):
            stream = await engine.start_stream(_RATE, "en")
        due = time.perf_counter()
        for at in range(0, len(pcm), size):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            with times.taking(times.accept):
                await stream.accept(pcm[at : at + size])
            due += _PIECE_S
        with times.taking(times.finish):
            last = await stream.finish()
        times.words += len(last.words)


async def _streams(engine: StreamingTranscriber) -> dict[str, Any]:
    times, cpu_s = _Times(), time.process_time()
    try:
        await asyncio.gather(*(_speak(engine, number, times) for number in range(_STREAMS)))
    finally:
        await engine.aclose()
    heard_s = len(times.accept) * _PIECE_S
    return {
        "start_ms": _rounded(times.start),
        "accept_ms": _rounded(times.accept),
        "finish_ms": _rounded(times.finish),
        "cpu_ms_a_second": round(1000 * (time.process_time() - cpu_s) / heard_s, 2),
        "words_lost": _STREAMS * _UTTERANCES * 10 - times.words,
    }


def _rounded(values: list[float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in summary(values).items()}


async def _live(kind: str, url: str) -> dict[str, Any]:
    name, remotes = _remotes(kind, url)
    cold: list[float] = []
    for _ in range(20):
        engine = await open_live(name, hosts=0, timeout_s=10, remotes=remotes)
        # Another language is another stock with OpenAI and Sarvam, another rate is with Sarvam.
        began = time.perf_counter()
        await (await engine.start_stream(8_000, "hi")).aclose()
        cold.append(1000 * (time.perf_counter() - began))
        await engine.aclose()
    engine = await open_live(name, hosts=0, timeout_s=10, remotes=remotes)
    figures = await _streams(engine)
    return figures if kind == "vllm" else {"start_cold_ms": _rounded(cold), **figures}


async def _batch(kind: str, url: str) -> dict[str, Any]:
    name, remotes = _remotes(kind, url)
    sound = Sound(render(1, 100, _RATE, pause_s=0.9)[: 2 * _RATE * 29], _RATE)
    began, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(10):
        CounterEngine().transcribe(sound, "en")
    ear_ms = 100 * (time.perf_counter() - began)
    engine = await open_batch(name, hosts=0, timeout_s=10, remotes=remotes)
    taken, cpu_s = list[float](), time.process_time()
    for _ in range(40):
        began = time.perf_counter()
        await engine.transcribe([sound], "en")
        taken.append(1000 * (time.perf_counter() - began))
    cpu_s = time.process_time() - cpu_s
    await engine.aclose()
    return {
        "chunk_ms": _rounded(taken),
        "of_that_the_ear_ms": round(ear_ms, 2),
        "cpu_ms_a_chunk": round(1000 * cpu_s / len(taken), 2),
    }


def run() -> dict[str, Any]:
    figures: dict[str, Any] = {
        "streams": _STREAMS,
        "in this process": asyncio.run(_streams(Inline(CounterEngine()))),
    }
    for kind in _SERVERS:
        with _served(kind) as url:
            measured = _batch(kind, url) if kind.endswith("files") else _live(kind, url)
            figures[kind] = asyncio.run(measured)
    figures["failed"] = any(
        each.get("words_lost") for each in figures.values() if isinstance(each, dict)
    )
    save("remote", figures)
    return figures


@contextlib.asynccontextmanager
async def _opened(kind: str) -> AsyncIterator[str]:
    server = _SERVERS[kind]()
    async with server.open():
        yield server.url


async def _serve(kind: str) -> None:
    async with _opened(kind) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
