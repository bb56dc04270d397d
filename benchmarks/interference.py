"""Live captions beside the batch pass on the same cores.

``python -m benchmarks interference [--data DIR]`` plays three one-channel calls at their real
speed into a ``twicetold serve`` on the defaults (pocketsphinx in both passes), first alone and
then, on a fresh server, while ten minutes of two-channel sound that were uploaded just before
are transcribed. Compared is the time from an utterance's end to its final (as in ``live``). The
recording must still be at work when the last call ends, or the second reading is worth nothing.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clips
from benchmarks.common import save, summary
from benchmarks.recordings import conversation, stretches, write_wav
from benchmarks.servers import Server
from twicetold.cli.bench_calls import Script, latencies_of, play_all
from twicetold.client import ApiClient

CALLS = 3
UPLOAD_S = 600.0


def run(data: Path | None = None, seconds: float = 60.0) -> dict[str, Any]:
    random = np.random.default_rng(5)
    spoken = stretches(data)
    scripts = [clips.conversation(spoken, seconds, random) for _ in range(CALLS)]
    alone = asyncio.run(_measure(scripts, None))
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        sound = conversation(UPLOAD_S, data, seed=11)
        recording = write_wav(Path(directory) / "upload.wav", sound)
        beside = asyncio.run(_measure(scripts, recording))
    figures = {
        "calls": CALLS,
        "alone": alone,
        "beside_batch": beside,
        "ratio_p95": beside["final_s"]["p95"] / alone["final_s"]["p95"],
        "ratio_first_partial_p95": beside["first_partial_s"]["p95"]
        / alone["first_partial_s"]["p95"],
    }
    save("interference", figures)
    return figures


async def _measure(scripts: list[Script], recording: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        server = Server(Path(directory) / "data", engine="pocketsphinx")
        await server.start()
        try:
            await asyncio.sleep(3)  # the batch engine has loaded
            async with ApiClient(server.url) as api:
                if recording is not None:
                    await api.upload("upload", recording)
                    await asyncio.sleep(1)
                heard = await play_all(server.url, "live", scripts)
                batch = await _batch(api) if recording is not None else {}
        finally:
            await server.stop()
    latencies = latencies_of(zip(scripts, heard, strict=True))
    return {
        "utterances": latencies.stretches,
        "final_s": summary(latencies.final_s),
        "first_partial_s": summary(latencies.first_partial_s),
        "unfinished_calls": latencies.unfinished,
        "load_after": os.getloadavg()[0],
        **batch,
    }


async def _batch(api: ApiClient) -> dict[str, Any]:
    """How far the upload has come. Raises RuntimeError where it did not last."""
    job = next(job for job in (await api.jobs())["jobs"] if job["call_id"] == "upload")
    if job["state"] != "leased":
        raise RuntimeError(f"The batch pass was not at work to the end: {job['state']}.")
    return {"batch_done_s": job["done_s"]}
