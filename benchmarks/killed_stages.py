"""A call whose server is killed in each of the stages that make something of its words.

``python -m benchmarks killed_stages`` drops a sample call, mixed to one channel, into a
``twicetold serve`` with everything on: voices told apart, redaction of words and sound, sentiment,
rules, a lead score. One server is left in peace. The other kills itself (``SIGKILL``) while each
stage is at work in its process, and again when the result has come and is not kept yet, and is
started again each time. Then transcript, insights, the redacted recording, byte by byte, and usage
are compared.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx

from benchmarks.clips import SAMPLES
from benchmarks.common import save
from benchmarks.processes import descendants, still_there
from benchmarks.servers import Server

_STAGES = (
    "diarize", "speakers", "redact", "metrics", "sentiment", "rules", "lead", "cover",
)  # fmt: skip
_MOMENTS = ("at_work", "made")
_SETTINGS = {
    "settle_s": "0.1",
    "batch_niceness": "0",
    "speakers": "gmm",
    "redact": "all",
    "rules": "default",
    "lead_rubric": "default",
}
_PATIENCE_S = 300.0
_LOOK_S = 0.1


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        quiet = asyncio.run(_made(Path(directory) / "quiet", ()))
        points = [f"{stage}:{moment}" for stage in _STAGES for moment in _MOMENTS]
        points.append("publish:made")  # and the job is not ended yet
        struck = asyncio.run(_made(Path(directory) / "struck", points))
    differ = sorted(name for name in _COMPARED if quiet[name] != struck[name])
    figures = {
        "kills": struck["kills"],
        "differ": differ,
        "insights_that_differ": [
            name
            for name in sorted(quiet["insights"] | struck["insights"])
            if quiet["insights"].get(name) != struck["insights"].get(name)
        ],
        "words": struck["words"],
        "removed": struck["removed"],
        "audio_s": struck["audio_s"],
        "attempts": struck["attempts"],
        "left_behind": struck["left_behind"],
        "failed": bool(differ) or struck["left_behind"] > 0 or len(struck["kills"]) < len(points),
    }
    save("killed_stages", figures)
    return figures


_COMPARED = ("segments", "insights", "sound", "audio_s", "passes")


async def _made(directory: Path, points: Any) -> dict[str, Any]:
    """What becomes of the call on a server that dies at each of the points."""
    data = directory / "data"
    there = data / "store" / "recordings" / "default" / "call.flac"
    there.parent.mkdir(parents=True)
    shutil.copy(SAMPLES / "billing.mono.flac", there)
    kills, left = [], 0
    for point in points:
        server = _server(data, ("-m", "benchmarks.dying_serve", point))
        left += await _dies(server)
        kills.append(point)
    server = _server(data, ("-m", "twicetold"))
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url) as api, asyncio.timeout(_PATIENCE_S):
            while (await _told(api, "calls/call")).get("status") != "done":  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
            made = await _result(api, data)
    finally:
        await server.stop()
    return {**made, "kills": kills, "left_behind": left}


def _server(data: Path, command: tuple[str, ...]) -> Server:
    return Server(
        data, engine="pocketsphinx", live_engine="counter", command=command, settings=_SETTINGS
    )


async def _dies(server: Server) -> int:
    """Start it, wait for its end; returns how many of its processes outlived it."""
    await server.start()
    assert server.process is not None
    family: set[int] = set()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while server.process.returncode is None:
                family |= set(descendants(server.pid))
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        await server.kill()
        raise RuntimeError(f"the server did not come there: {server.tail()}") from None
    if server.process.returncode != -9:
        raise RuntimeError(f"expected a killed server: {server.tail()}")
    return len(await asyncio.to_thread(still_there, sorted(family), 5.0))


async def _result(api: httpx.AsyncClient, data: Path) -> dict[str, Any]:
    told = await _told(api, "calls/call/transcript")
    insights = await _told(api, "calls/call/insights")
    del insights["revision"]  # each attempt's has a name of its own
    used = (await _told(api, "usage"))["total"]
    sound = data / "store" / "redacted" / "default" / "call.wav"
    body = await asyncio.to_thread(sound.read_bytes)
    return {
        "segments": told["segments"],
        "insights": insights,
        "sound": hashlib.sha256(body).hexdigest(),
        "words": sum(len(each["words"]) for each in told["segments"]),
        "removed": insights.get("removed_counts"),
        "audio_s": used["audio_s"],
        "passes": used["passes"],
        "attempts": used["attempts"],
    }


async def _told(api: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/{path}")
    body: dict[str, Any] = answer.json()
    return body
