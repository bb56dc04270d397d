"""``kill -9`` at random moments and at numbered steps: small versions of ``benchmarks chaos``.

No acknowledged audio is lost, no final lost, doubled or out of order, and every call reaches
its canonical transcript. The whole of it is ``python -m benchmarks chaos``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from benchmarks import chaos_one as chaos

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

_KEPT = (
    "audio_bytes_lost",
    "words_lost",
    "words_doubled",
    "finals_out_of_order",
    "draft_wrong",
    "canonical_wrong",
    "canonical_missing",
)
# One of each kind: audio on its way, a final, the draft, the recording and its job.
_STEPS = ("ingest.after_publish", "final.after_store", "recorder.before_draft", "close.after_job")


def promised(result: dict[str, Any], calls: int) -> None:
    assert result["calls"] == calls
    assert result["errors"] == []
    assert result["words_sent"] > 0
    assert result["finals"] > 0
    assert {name: result[name] for name in _KEPT} == dict.fromkeys(_KEPT, 0)


async def test_killed_at_random_moments() -> None:
    result = await chaos.random_kills(kills=3, count=3, seconds=10.0, seed=7)
    assert result["kills"] == 3
    promised(result, 3)


@pytest.mark.slow
async def test_killed_at_numbered_steps() -> None:
    """A server for each step, beside each other: most of the time they wait for speech."""
    assert set(_STEPS) <= set(chaos.STEPS)
    runs = [chaos.step_kill(step, count=2, seconds=6.0) for step in _STEPS]
    for result in await asyncio.gather(*runs):
        assert result["deaths"] == 1, result
        promised(result, 2)
