"""Peak memory for a recording of ten hours against one of ten minutes, the engine apart.

``python -m benchmarks memory`` drops a WAV of tone bursts (engine ``counter``: about four words a
second, the words included) into a fresh ``twicetold serve`` and notes, once the canonical
transcript stands, the largest resident size that the server and its decoder have had. The
counter engine works inside the server, so it is part of the figure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import peak_memory_mb, save
from benchmarks.processes import children
from benchmarks.recordings import RATE, stream_wav
from benchmarks.servers import Server
from twicetold.cli.bench_calls import Samples
from twicetold.client import ApiClient
from twicetold.engines.counter import render

WORDS_A_PIECE = 240  # about a minute
_LOOK_S = 0.1


def run(minutes: float = 10.0, hours: float = 10.0, every_s: float = 0.0) -> dict[str, Any]:
    """``every_s`` above 0 also notes how the server's size grew."""
    short = asyncio.run(_measure(minutes / 60, every_s))
    long = asyncio.run(_measure(hours, every_s))
    figures = {
        "short": short,
        "long": long,
        "ratio_server": long["server_mb"] / short["server_mb"],
        "ratio_decoder": long["decoder_mb"] / short["decoder_mb"],
        "ratio": (long["server_mb"] + long["decoder_mb"])
        / (short["server_mb"] + short["decoder_mb"]),
        "grown_bytes_a_word": (long["server_mb"] - short["server_mb"])
        * 2**20
        / (long["words"] - short["words"]),
    }
    save("memory", figures)
    return figures


async def _measure(hours: float, every_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        recordings = Path(directory) / "data" / "store" / "recordings" / "default"
        recordings.mkdir(parents=True)
        written = Path(directory) / "call.wav"
        counts: list[int] = []
        await asyncio.to_thread(stream_wav, written, _tones(hours, counts), 1)
        server = Server(Path(directory) / "data", engine="counter")
        await server.start()
        try:
            before = peak_memory_mb(server.pid)
            written.rename(recordings / "call.wav")
            began = time.perf_counter()
            figures = await _follow(server, every_s)
            return {
                "hours": hours,
                "words": sum(counts),
                "seconds": time.perf_counter() - began,
                "server_at_rest_mb": before,
                **figures,
            }
        finally:
            await server.stop()


def _tones(hours: float, counts: list[int]) -> Iterator[Samples]:
    """Pieces that last ``hours`` together; notes how many words each holds."""
    samples = 0
    while samples < hours * 3600 * RATE:
        pcm = render(sum(counts), WORDS_A_PIECE, RATE)
        counts.append(WORDS_A_PIECE)
        samples += len(pcm) // 2
        yield np.frombuffer(pcm, "<i2")


async def _follow(server: Server, every_s: float) -> dict[str, Any]:
    """Until the canonical transcript stands; the peaks of the server and of its decoder."""
    decoder, sizes, noted = 0.0, [], 0.0
    async with ApiClient(server.url) as api:
        while True:
            decoder = max([decoder, *_grandchildren_mb(server.pid)])
            if every_s and time.perf_counter() - noted >= every_s:
                noted = time.perf_counter()
                sizes.append(round(size_mb(server.pid), 1))
            call = next(iter((await api.calls())["calls"]), None)
            if call is not None and call["status"] in ("done", "failed"):
                assert call["status"] == "done", call
                peaks = {"server_mb": peak_memory_mb(server.pid), "decoder_mb": decoder}
                return peaks | ({"sizes_mb": sizes} if every_s else {})
            await asyncio.sleep(_LOOK_S)


def _grandchildren_mb(pid: int) -> list[float]:
    """Peaks of the decoders: each is forked by the server's fork server."""
    peaks = []
    for child in children(pid):
        for decoder in children(child):
            with contextlib.suppress(OSError):
                peaks.append(peak_memory_mb(decoder))
    return [peak for peak in peaks if peak == peak]


def size_mb(pid: int) -> float:
    """What of a process is in memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
