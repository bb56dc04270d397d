from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.engines.parakeet.windows import FRAME_SAMPLES, Floats, Window, WindowPlan, Windows

pytestmark = pytest.mark.unit

PLAN = WindowPlan(left=3, chunk=10, right=2)


def frames_of(sound: Floats) -> int:
    """As many as an encoder makes of it."""
    return -(-len(sound) // FRAME_SAMPLES)


def windows_of(sound: Floats, blocks: list[int], plan: WindowPlan = PLAN) -> list[Window]:
    windows, found, at = Windows(plan), [], 0
    for size in [*blocks, len(sound)]:
        found += list(windows.hear(sound[at : at + size]))
        at += size
    return [*found, *windows.finish()]


def test_seconds_become_whole_frames_as_nemo_counts_them() -> None:
    assert WindowPlan.of_seconds(5, 20, 3) == WindowPlan(62, 250, 37) == WindowPlan()
    assert WindowPlan.of_seconds(0, 0, 0) == WindowPlan(0, 1, 0)


@given(
    st.integers(0, 60 * FRAME_SAMPLES),
    st.lists(st.integers(0, 20 * FRAME_SAMPLES), max_size=6),
    st.builds(WindowPlan, st.integers(0, 12), st.integers(1, 12), st.integers(0, 6)),
)
@settings(deadline=None)
def test_law_every_frame_is_decoded_once_in_order_and_seen_with_what_surrounds_it(
    samples: int, blocks: list[int], plan: WindowPlan
) -> None:
    sound = np.arange(samples, dtype=np.float32)
    decoded = 0
    for window in windows_of(sound, blocks, plan):
        begin = (decoded - window.skip) * FRAME_SAMPLES
        assert window.skip == min(decoded, plan.left)
        assert np.array_equal(window.sound, sound[begin : begin + len(window.sound)])
        heard = frames_of(window.sound)
        if window.take is None:  # the last one
            assert begin + len(window.sound) == samples
            decoded += heard - window.skip
        else:
            assert window.take == plan.chunk
            assert heard == window.skip + plan.chunk + plan.right
            decoded += window.take
    assert decoded == frames_of(sound)


def test_no_more_is_held_than_a_window_however_long_it_is() -> None:
    windows, block = Windows(PLAN), np.zeros(FRAME_SAMPLES // 2, np.float32)
    for _ in range(2_000):
        for window in windows.hear(block):
            assert len(window.sound) == (window.skip + 12) * FRAME_SAMPLES
        assert len(windows._held) <= 16 * FRAME_SAMPLES
