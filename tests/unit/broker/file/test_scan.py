"""A log that is shorter than what groups have read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.broker import Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.broker.file.positions import save_positions
from twicetold.broker.file.records import list_segments, segment_path
from twicetold.errors import CorruptLog
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")


async def written(root: Path, read_bytes: int) -> Path:
    """The segment of a call of which ``read_bytes`` were read."""
    broker = FileBroker(root)
    await broker.start()
    for _ in range(20):
        await broker.publish(Topic.AUDIO, KEY, bytes(100_000))
    await broker.aclose()
    directory = root / "acme" / "call-1"
    save_positions(directory, 1000, (read_bytes, 0, 0))
    return segment_path(directory, list_segments(directory)[0])


@pytest.mark.parametrize("kept_bytes", [0, 16, 100_000])
async def test_a_log_that_was_cut_between_two_runs_is_told_of(
    tmp_path: Path, kept_bytes: int
) -> None:
    path = await written(tmp_path, 2_000_000)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    broker = FileBroker(tmp_path)
    with pytest.raises(CorruptLog, match="cut short"):
        await broker.start()
    await broker.aclose()
    assert path.stat().st_size == kept_bytes  # nothing was touched


async def test_what_a_power_cut_takes_is_no_damage(tmp_path: Path) -> None:
    path = await written(tmp_path, 200_000)
    path.write_bytes(b"")
    broker = FileBroker(tmp_path)
    await broker.start()
    await broker.aclose()
