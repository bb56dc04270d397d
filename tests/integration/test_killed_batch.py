"""A recording whose server is killed in the middle of it, engine in a host of its own: the words
are those of a pass that nobody disturbed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.integration.live_harness import Event, settled
from tests.integration.roles_harness import Installation, Role, installation
from tests.models.parakeet import Shape, make_model

from twicetold.batch.pipeline import FileTranscript, transcribe_file
from twicetold.config import Settings
from twicetold.speech.wav import wav_head
from twicetold.wiring.passes import batch_settings, batch_tools

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RATE = 16_000
CALLS = Path(__file__).parents[2] / "samples" / "calls"
CHUNK_S = 5.0
STRIKES = (0.25, 0.6)  # of the chunks that are finished by then


@pytest.mark.slow
async def test_after_two_kills_a_recording_has_the_words_it_would_have_had(tmp_path: Path) -> None:
    engine = f"parakeet:{make_model(tmp_path / 'small-tdt', Shape(seed=3))}"
    recording = tmp_path / "call.wav"
    await asyncio.to_thread(recording.write_bytes, _talk())
    expected = await _undisturbed(tmp_path / "other", engine, recording)
    chunks = round(sum(segment.end - segment.start for segment in expected.segments) / CHUNK_S)

    given = {"batch_engine": engine, "batch_chunk_s": CHUNK_S, "settle_s": 0.1}
    async with installation(tmp_path, "file://", **given) as product:
        there = product.data_dir / "store" / "recordings" / "default" / "call.wav"
        there.parent.mkdir(parents=True)
        recording.rename(there)
        for share in STRIKES:
            role = await product.start("serve")
            await _finished(product, role, max(1, round(share * chunks)))
            await role.end(signal.SIGKILL)
            assert _checkpoints(product), "expected a job in the middle"
        serving = product.served(await product.start("serve"))
        await product.roles[-1].ask("/readyz")
        assert (await settled(serving, "call"))["status"] == "done"
        async with serving.client() as client:
            told: Event = (await client.get("/v1/calls/call/transcript")).json()
            used: Event = (await client.get("/v1/usage")).json()["total"]
    assert _words(told["segments"]) == _words([each.to_dict() for each in expected.segments])
    assert len(_words(told["segments"])) > 200
    assert (used["passes"], used["audio_s"]) == (1, round(expected.length_s, 3))  # of all attempts
    assert 1 <= used["attempts"] <= 1 + len(STRIKES)
    assert used["compute_s"] > 0.0


async def _undisturbed(directory: Path, engine: str, recording: Path) -> FileTranscript:
    settings = Settings(
        data_dir=directory, batch_engine=engine, batch_chunk_s=CHUNK_S, batch_niceness=0
    )
    async with batch_tools(settings) as tools:
        chunking = batch_settings(settings).chunking
        return await transcribe_file(recording, tools, language="en", settings=chunking)


async def _finished(product: Installation, role: Role, count: int) -> None:
    async with asyncio.timeout(60):
        while _checkpoints(product) < count:
            assert role.process.returncode is None, role.log
            await asyncio.sleep(0.005)


def _checkpoints(product: Installation) -> int:
    return sum(1 for _ in (product.data_dir / "store" / "jobs").rglob("chunk-*.json"))


def _words(segments: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (segment["channel"], *(word[name] for name in ("text", "start", "end", "probability")))
        for segment in segments
        for word in segment["words"]
    ]


def _talk() -> bytes:
    """The sample calls one after the other, as a WAV of two channels."""
    pieces = []
    for path in sorted(CALLS.glob("*.stereo.flac")):
        with av.open(str(path)) as container:
            pieces += [frame.to_ndarray() for frame in container.decode(audio=0)]
    pcm = np.concatenate(pieces, axis=1).astype("<i2").tobytes()
    return wav_head(RATE, 2, len(pcm)) + pcm
