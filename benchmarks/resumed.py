"""A recording whose worker is killed again and again: the words against an undisturbed run's.

``python -m benchmarks resumed [--strikes N] [--seed N]`` drops a stereo call of the samples into a
``twicetold serve`` whose batch engine is parakeet, in a host of its own, on a small model with
random weights (what it says means nothing, but depends on every sample). One server is left in
peace; the other is killed with ``kill -9`` at random moments of the job, while it starts, listens
again to what is done, transcribes or publishes, and started again. Then all segments with their
words, times and probabilities are compared, and nobody may be left of those that were killed.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.models.parakeet import Shape, make_model

from benchmarks.common import save
from benchmarks.processes import descendants, still_there
from benchmarks.recordings import sample_calls, write_wav
from benchmarks.servers import Server
from twicetold.client import ApiClient

_MINUTES = 60.0
_LOOK_S = 0.01
_SOON = 0.3  # of the strikes fall within some seconds of a start, wherever the job is
_WITHIN_S = 4.0
_AFTER_S = 0.5
_PATIENCE_S = 300.0


def run(strikes: int = 20, seed: int = 1, minutes: float = _MINUTES) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        where = Path(directory)
        engine = f"parakeet:{make_model(where / 'small-tdt', Shape(seed=3))}"
        recording = write_wav(where / "call.wav", sample_calls(60 * minutes))
        quiet = asyncio.run(_Job(where / "quiet", engine, recording).undisturbed())
        moments = random.Random(seed)
        job = _Job(where / "struck", engine, recording)
        struck = asyncio.run(job.struck(strikes, quiet["chunks"], moments))
    same = quiet.pop("segments") == struck.pop("segments")
    figures = {
        "audio_s": 60 * minutes,
        "undisturbed": quiet,
        "struck": struck,
        "same_words": same,
        "failed": not same or struck["left_behind"] > 0 or struck["strikes"] < strikes,
    }
    save("resumed", figures)
    return figures


class _Job:
    """One recording in a data directory of its own."""

    def __init__(self, directory: Path, engine: str, recording: Path) -> None:
        self._recording = recording
        self._store = directory / "data" / "store"
        self._server = Server(
            directory / "data", engine=engine, live_engine="counter", settings={"settle_s": "0.1"}
        )
        self._most_chunks = 0

    async def undisturbed(self) -> dict[str, Any]:
        self._drop()
        await self._server.start()
        began = time.perf_counter()
        try:
            segments = await self._finished()
        finally:
            await self._server.stop()
        took_s = time.perf_counter() - began
        words = sum(len(each["words"]) for each in segments)
        return {
            "segments": segments,
            "words": words,
            "chunks": self._most_chunks,
            "seconds": took_s,
        }

    async def struck(self, strikes: int, chunks: int, moments: random.Random) -> dict[str, Any]:
        """Strikes at so many finished chunks as are drawn, and a little later; some soon after a
        start."""
        self._drop()
        at_chunks = sorted(moments.randrange(1, chunks) for _ in range(strikes))
        done, left, soon = [], 0, 0
        for number, at in enumerate(at_chunks):
            early = number > 0 and moments.random() < _SOON
            starting = asyncio.create_task(self._server.start())
            if early:
                soon += 1
                await asyncio.sleep(moments.uniform(0.2, _WITHIN_S))
            else:
                await starting
                await self._until(at)
                await asyncio.sleep(moments.uniform(0.0, _AFTER_S))
            family = descendants(self._server.pid)
            done.append(self._chunks() or None)  # none: before the first, or the job is over
            await self._server.kill()
            await asyncio.gather(starting, return_exceptions=True)
            left += len(await asyncio.to_thread(still_there, family, 5.0))
        await self._server.start()
        try:
            segments = await self._finished()
        finally:
            await self._server.stop()
        return {
            "segments": segments,
            "strikes": sum(each is not None for each in done),
            "soon_after_a_start": soon,
            "chunks_done_at_strikes": done,
            "left_behind": left,
        }

    def _drop(self) -> None:
        recordings = self._store / "recordings" / "default"
        recordings.mkdir(parents=True)
        (recordings / "call.wav").hardlink_to(self._recording)

    def _chunks(self) -> int:
        """Finished ones, while the job is not over."""
        count = sum(1 for _ in (self._store / "jobs").glob("default/call/*/*/chunk-*.json"))
        self._most_chunks = max(self._most_chunks, count)
        return count

    async def _until(self, chunks: int) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while self._chunks() < chunks:  # noqa: ASYNC110 - files of another process
                await asyncio.sleep(_LOOK_S)

    async def _finished(self) -> list[dict[str, Any]]:
        """The canonical transcript's segments, once it stands."""
        async with ApiClient(self._server.url) as api, asyncio.timeout(_PATIENCE_S):
            while True:
                for _ in range(20):  # a count of files is cheap, a question to the server less so
                    self._chunks()
                    await asyncio.sleep(_LOOK_S)
                call = next(iter((await api.calls())["calls"]), None)
                if call is not None and call["status"] in ("done", "failed"):
                    assert call["status"] == "done", call
                    told = await api.transcript("call", "canonical")
                    segments: list[dict[str, Any]] = told["segments"]
                    return segments
