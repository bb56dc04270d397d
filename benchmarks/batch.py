"""The batch pass against the engine alone, and two cores against one.

``python -m benchmarks batch [--data DIR]`` makes a five-minute call of two channels and transcribes
it four ways: its chunks handed straight to the engine; the pass over a file (``twicetold
transcribe``); a job from the queue to the canonical transcript in SQLite, as ``serve`` works on
it; and the pass over the file on one core with one engine host.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import save
from benchmarks.recordings import conversation, write_wav
from twicetold.batch.kits import BatchEngines
from twicetold.batch.measuring import measure, warm_up
from twicetold.batch.pipeline import Tools, transcribe_file
from twicetold.batch.worker import BatchWorker
from twicetold.config import Settings
from twicetold.gateway.context import Platform
from twicetold.queue import Job
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path
from twicetold.transcripts import Status
from twicetold.wiring.opening import carriers
from twicetold.wiring.passes import batch_settings, batch_tools


def run(data: Path | None = None, seconds: float = 300.0) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        recording = write_wav(Path(directory) / "call.wav", conversation(seconds, data))
        both = _in_a_process(recording, cores)
        one = _in_a_process(recording, cores[:1])
    figures = {
        "audio": "data" if data is not None else "samples",
        "two_cores": both,
        "one_core": one,
        "overhead_file": both["wall_s"] / both["engine_s"],
        "overhead_job": both["job_s"] / both["engine_s"],
        "two_against_one": one["wall_s"] / both["wall_s"],
        "load_after": os.getloadavg()[0],
    }
    save("batch", figures)
    return figures


def _in_a_process(recording: Path, cores: list[int]) -> dict[str, Any]:
    """Measure in a process that has only these cores, from its start on."""
    command = [sys.executable, "-m", "benchmarks.batch", str(recording)]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


async def _measure(recording: Path) -> dict[str, Any]:
    """All ways where there are several cores, the pass over the file where there is one."""
    settings = Settings(data_dir=recording.parent / f"data-{os.getpid()}")
    chunking = batch_settings(settings).chunking
    async with batch_tools(settings) as tools, carriers(settings) as platform:
        await warm_up(tools, settings.language)
        if tools.engine.parallel == 1:
            began = time.perf_counter()
            await transcribe_file(recording, tools, language="en", settings=chunking)
            return {"hosts": 1, "wall_s": time.perf_counter() - began}
        parts = await measure(recording, tools, language="en", settings=chunking)
        return parts.to_dict() | {"job_s": await job(platform, tools, recording)}


async def job(platform: Platform, tools: Tools, recording: Path) -> float:
    """Seconds from the submission of a job to its canonical transcript."""
    name = "recordings/default/call.wav"
    path = local_path(platform.store, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.hardlink_to(recording)
    key = CallKey("default", "call")
    settings = batch_settings(platform.settings)
    where = (platform.queue, platform.transcripts, platform.store, platform.broker)
    worker = asyncio.create_task(
        BatchWorker(*where, BatchEngines.alone(tools), settings=settings).run()
    )
    began = time.perf_counter()
    await platform.queue.submit(Job(key, _content(path), name, "en"))
    try:
        while True:
            call = await platform.transcripts.call(key)
            if call is not None and call.canonical_revision is not None:
                return time.perf_counter() - began
            if call is not None and call.status is Status.FAILED:
                raise RuntimeError(f"The job failed: {call.error_code}.")
            await asyncio.sleep(0.05)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def _content(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    from twicetold.observe.logging import configure

    configure("warning")
    print(json.dumps(asyncio.run(_measure(Path(sys.argv[1])))))
