"""Six calls at once on the built-in engine: how long captions take.

``python -m benchmarks live [--data DIR]`` plays six one-channel calls at their real speed into a
``twicetold serve`` on the defaults, each speaking half of the time, in utterances of 2 to 15 s
(recordings of ``--data``, else the samples), cut to their words by loudness and alignment, a quiet
room between them. Measured: the moment at which an utterance's last sample would have been
spoken → its last final received; that of its first sample → first partial received.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clips
from benchmarks.alignment import aligned
from benchmarks.common import cpu_seconds, save, summary
from benchmarks.servers import Server
from twicetold.cli.bench_calls import Heard, Latencies, Script, latencies_of, play_all

CALLS = 6
UTTERANCE_S = (2.0, 15.0)


def run(
    data: Path | None = None, seconds: float = 190.0, calls: int = CALLS, keep: bool = True
) -> dict[str, Any]:
    """Returns and saves p50, p95, p99 and the most, in seconds."""
    scripts = _scripts(data, seconds, calls)
    heard, server_cpu = asyncio.run(_play(scripts))
    figures = _figures(scripts, heard, latencies_of(zip(scripts, heard, strict=True)))
    figures["server_cpu_cores"] = server_cpu / seconds
    if keep:
        save("live", figures)
    return figures


def _scripts(data: Path | None, seconds: float, calls: int) -> list[Script]:
    random = np.random.default_rng(2)
    spoken = [aligned(clip) for clip in clips.load(data)]
    stretches = clips.utterances(spoken, *UTTERANCE_S, random)
    return [clips.conversation(stretches, seconds, random) for _ in range(calls)]


async def _play(scripts: list[Script]) -> tuple[list[Heard], float]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        server = Server(Path(directory) / "data", engine="pocketsphinx")
        await server.start()
        try:
            await asyncio.sleep(3)  # the batch engine has loaded
            before = _cpu_of_family(server.pid)
            heard = await play_all(server.url, "live", scripts)
            return heard, _cpu_of_family(server.pid) - before
        finally:
            await server.stop()


def _figures(scripts: list[Script], heard: list[Heard], latencies: Latencies) -> dict[str, Any]:
    spoken = sum(end - start for script in scripts for start, end in script.speech)
    return {
        "calls": len(scripts),
        "audio_s": sum(script.length_s for script in scripts),
        "speech_share": spoken / sum(script.length_s for script in scripts),
        "utterances": latencies.stretches,
        "final_s": summary(latencies.final_s),
        "first_partial_s": summary(latencies.first_partial_s),
        "utterances_without_words": latencies.without_words,
        "lagging_notices": latencies.lagging,
        "unfinished_calls": latencies.unfinished,
        "finals": sum(len(each.finals) for each in heard),
        "partials": sum(len(each.partials) for each in heard),
        "client_late_s": latencies.late_s,
        "load_after": os.getloadavg()[0],
    }


def _cpu_of_family(pid: int) -> float:
    """CPU time of the server and its children: engine hosts, decoders."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")  # a child belongs to a thread
    children = [int(each) for path in tasks for each in path.read_text().split()]
    return sum(cpu_seconds(each) for each in [pid, *children])
