"""A whole batch job against the bare engine on the same chunks, with parakeet and with whisper.

``python -m benchmarks whole_job`` makes an hour of sound of one channel and, with each engine in
its host as ``serve`` has it, hands its chunks straight to the engine, then has a batch worker take
a job of it from the queue to the canonical transcript in SQLite. Models have random weights at the
true size: Parakeet 0.6b (2.5 GB are made for it) and whisper-base. Wall time counts on a quiet
machine; the CPU time of all processes says the same on a busy one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

from tests.models import whisper
from tests.models.fastconformer import make_true_size

from benchmarks.batch import job
from benchmarks.common import cpu_seconds, save
from benchmarks.long_recordings import talk
from benchmarks.processes import descendants
from benchmarks.recordings import stream_wav
from twicetold.batch.checkpoints import KeptChunks
from twicetold.batch.measuring import warm_up
from twicetold.batch.pipeline import Tools
from twicetold.batch.stages import Decode
from twicetold.batch.transcript import Transcript
from twicetold.config import Settings
from twicetold.engines import Sound
from twicetold.wiring.opening import carriers
from twicetold.wiring.passes import batch_settings, batch_tools

_MOST_RATIO = 1.10
_WHISPER = whisper.Shape(width=512, layers=6, words=50_000, multilingual=True)  # whisper-base's


def run(hours: float = 1.0, only: str = "") -> dict[str, Any]:
    figures: dict[str, Any] = {"audio_s": 3600 * hours}
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        where = Path(directory)
        makers = {
            "parakeet": make_true_size,
            "whisper": partial(whisper.make_model, shape=_WHISPER),
        }
        kinds = [only] if only else list(makers)
        recording = stream_wav(where / "call.wav", talk(hours), 1)
        for kind in kinds:
            model = makers[kind](where / kind)
            figures[kind] = asyncio.run(_measured(f"{kind}:{model}", recording, where / "data"))
            shutil.rmtree(where / "data")
    figures["load_after"] = os.getloadavg()[0]
    figures["failed"] = any(figures[kind]["wall_ratio"] > _MOST_RATIO for kind in kinds)
    save("whole_job", figures)
    return figures


async def _measured(engine: str, recording: Path, directory: Path) -> dict[str, Any]:
    settings = Settings(data_dir=directory / "data", batch_engine=engine, live_engine="counter")
    async with batch_tools(settings) as tools, carriers(settings) as platform:
        await warm_up(tools, "en")
        sounds: list[Sound] = []
        listened = await _spent(_listen(recording, tools, settings, sounds))
        bare = await _spent(tools.engine.transcribe(sounds, "en"))
        whole = await _spent(job(platform, tools, recording))
    return {
        "chunks": len(sounds),
        "speech_s": round(sum(sound.seconds for sound in sounds)),
        "listening": listened,
        "engine": bare,
        "job": whole,
        "wall_ratio": round(whole["wall_s"] / bare["wall_s"], 3),
        "cpu_ratio": round(whole["cpu_s"] / bare["cpu_s"], 3),
    }


async def _listen(recording: Path, tools: Tools, settings: Settings, sounds: list[Sound]) -> None:
    """Decode, find the speech, cut it: the job's chunks, by themselves."""
    transcript = Transcript(recording, "en", KeptChunks())
    async with transcript.resources:
        await Decode(tools.decoder, tools.activity, batch_settings(settings).chunking).run(
            transcript
        )
        assert transcript.chunks is not None
        sounds += [Sound(chunk.pcm, chunk.rate) async for chunk in transcript.chunks]


async def _spent(work: Awaitable[object]) -> dict[str, float]:
    """Wall time and the CPU time of this process and those below it; of a decoder that ends
    meanwhile only what its parent has of it is missing."""
    began, before = time.perf_counter(), _cpu_s()
    await work
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(_cpu_s() - before, 2),
    }


def _cpu_s() -> float:
    return sum(cpu_seconds(pid) for pid in (os.getpid(), *descendants(os.getpid())))
