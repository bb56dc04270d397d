"""Peak memory of a job of ten hours against one of ten minutes, with engines in hosts.

``python -m benchmarks long_recordings`` drops a mono WAV of the sample calls, again and again, into
a fresh ``twicetold serve`` with parakeet and with whisper on small models (random weights, and a
reader of sounds), and notes the largest resident size that the server, its decoder and the
engine's host have had when the canonical transcript stands. ``benchmarks/memory.py`` does so
without an engine. ``--only parakeet`` takes that engine alone; ``--busy 1`` lets the hosts work a
fifth of the time, as on a machine with other work, so that as many chunks wait for them as may.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tests.models import parakeet, whisper

from benchmarks.common import peak_memory_mb, save
from benchmarks.memory import size_mb
from benchmarks.processes import command, descendants
from benchmarks.recordings import RATE, sample_calls, stream_wav
from benchmarks.servers import Server
from twicetold.cli.bench_calls import Samples
from twicetold.client import ApiClient, ServerError

_LOOK_S = 0.1
_AT_WORK_S = 0.1
_MOST_RATIO = 1.05
_MOST_BYTES_A_WORD = 1_024
_VOICE_RMS, _NOISE_RMS = 0.1, 0.06
_ENGINES = ("parakeet", "whisper")
_ROLES = {
    "engines.host": "host",
    "media.child": "decoder",
    "forkserver": "decoder",
    "multiprocessing": "enrichment",
}
_HOLD_WORDS = ("enrichment",)
_SEVERAL = ("enrichment",)  # of whose processes none takes the place of another


def run(
    minutes: float = 10.0, hours: float = 10.0, only: str = "", busy: bool = False
) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        for kind in only.split() or _ENGINES:
            engine = f"{kind}:{_model(kind, Path(directory))}"
            short = asyncio.run(_job(engine, minutes / 60, busy))
            long = asyncio.run(_job(engine, hours, busy))
            figures[kind] = {"short": short, "long": long, **_compared(short, long)}
    figures["failed"] = not all(_kept(each) for each in figures.values())
    save("long_recordings", figures)
    return figures


def _model(kind: str, directory: Path) -> Path:
    if kind == "parakeet":
        return parakeet.make_model(directory / "small-tdt", parakeet.Shape(seed=3))
    return whisper.make_model(directory / "reader", whisper.Shape(multilingual=True))


def _compared(short: dict[str, Any], long: dict[str, Any]) -> dict[str, Any]:
    """``words_apart``: without the processes of enrichment, whose stages hold a call's words."""
    before, after = short["peaks_mb"], long["peaks_mb"]
    grown_mb = sum(after.values()) - sum(before.values())
    wordless = [role for role in before if role not in _HOLD_WORDS]
    return {
        "ratios": {role: round(after[role] / before[role], 3) for role in before},
        "ratio": sum(after.values()) / sum(before.values()),
        "words_apart": sum(after[role] for role in wordless) / sum(before[r] for r in wordless),
        "grown_bytes_a_word": grown_mb * 2**20 / (long["words"] - short["words"]),
    }


def _kept(compared: dict[str, Any]) -> bool:
    """What is promised: nothing grows but for words, and these by so much."""
    few = bool(compared["grown_bytes_a_word"] <= _MOST_BYTES_A_WORD)
    return compared["words_apart"] <= _MOST_RATIO and (few or compared["ratio"] <= _MOST_RATIO)


async def _job(engine: str, hours: float, busy: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        recordings = Path(directory) / "data" / "store" / "recordings" / "default"
        recordings.mkdir(parents=True)
        written = Path(directory) / "call.wav"
        await asyncio.to_thread(stream_wav, written, talk(hours), 1)
        server = Server(Path(directory) / "data", engine=engine, live_engine="counter")
        await server.start()
        try:
            written.rename(recordings / "call.wav")
            began = time.perf_counter()
            async with _hosts_busy(server.pid) if busy else contextlib.nullcontext():
                peaks, sizes, words = await _follow(server)
        except ServerError as error:
            raise RuntimeError(f"{error} It said: {server.tail()}") from error
        finally:
            await server.stop()
    took_s = time.perf_counter() - began
    return {
        "hours": hours,
        "words": words,
        "seconds": round(took_s, 1),
        "peaks_mb": peaks,
        "server_mb_on_the_way": sizes,
    }


@contextlib.asynccontextmanager
async def _hosts_busy(server: int) -> AsyncIterator[None]:
    """The server's hosts stand still for four fifths of the time."""

    def tell(order: signal.Signals) -> None:
        for pid in descendants(server):
            if "engines.host" in command(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, order)

    async def disturb() -> None:
        try:
            while True:
                tell(signal.SIGSTOP)
                await asyncio.sleep(4 * _AT_WORK_S)
                tell(signal.SIGCONT)
                await asyncio.sleep(_AT_WORK_S)
        finally:
            tell(signal.SIGCONT)

    task = asyncio.create_task(disturb())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def talk(hours: float) -> Iterator[Samples]:
    """Pieces that last ``hours`` together: both sides of the sample calls, as one channel, with
    the loud noise below them that a reader reads and the activity detector takes for a room."""
    voices = sample_calls(180.0).sum(axis=1, dtype=np.float32)
    noise = whisper.speech(1, 180.0)[: len(voices)]
    mixed = _VOICE_RMS * voices / voices.std() + _NOISE_RMS * noise / noise.std()
    calls = (32_767 * mixed.clip(-1, 1)).astype(np.int16)
    left = round(hours * 3600 * RATE)
    while left > 0:
        yield calls[:left]
        left -= len(calls)


async def _follow(server: Server) -> tuple[dict[str, float], list[float], int]:
    """Until the canonical transcript stands: the peak of each role, how large the server was on
    the way, and how many words there are."""
    peaks: Counter[tuple[str, int]] = Counter()
    sizes: list[float] = []
    async with ApiClient(server.url) as api:
        while True:
            for _ in range(20):
                for pid in (server.pid, *descendants(server.pid)):
                    _note(peaks, server.pid, pid)
                await asyncio.sleep(_LOOK_S)
            sizes.append(round(size_mb(server.pid), 1))
            call = next(iter((await api.calls())["calls"]), None)
            if call is not None and call["status"] in ("done", "failed"):
                assert call["status"] == "done", call
                words = len((await api.transcript_text("call", "canonical", "txt")).split())
                return _by_role(peaks), _some(sizes), words


def _note(peaks: Counter[tuple[str, int]], server: int, pid: int) -> None:
    role = "server"
    if pid != server:
        ran = command(pid)
        if ran in ("", command(server)):  # gone, or not yet what it is to become
            return
        role = next((name for part, name in _ROLES.items() if part in ran), "other")
    with contextlib.suppress(OSError):
        peak = peak_memory_mb(pid)
        if peak == peak:
            peaks[role, pid] = max(peaks[role, pid], peak)  # type: ignore[assignment]


def _by_role(peaks: Counter[tuple[str, int]]) -> dict[str, float]:
    """Of a role that several have one after another the largest counts; of one that several have
    at once, all."""
    found: dict[str, float] = {}
    for (role, _), peak in peaks.items():
        before = found.get(role, 0.0)
        found[role] = before + peak if role in _SEVERAL else max(before, peak)
    return {role: round(peak, 1) for role, peak in found.items()}


def _some(sizes: list[float]) -> list[float]:
    """Twenty of them at most, evenly."""
    return sizes[:: max(1, len(sizes) // 20)]
