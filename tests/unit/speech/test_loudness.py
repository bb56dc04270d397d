"""Loudness: the same however the sound is cut, and never quieter than what it was made from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.speech.loudness import STEPS_A_SECOND, Loudness, LoudnessMeter

pytestmark = pytest.mark.unit

RATE = 8000
STEP = RATE // STEPS_A_SECOND


def measured(frames: np.ndarray, cuts: list[int] | None = None) -> Loudness:
    meter = LoudnessMeter(RATE, frames.shape[1])
    for piece in np.split(frames, sorted(cut % (len(frames) + 1) for cut in cuts or [])):
        meter.hear(piece.astype("<i2").tobytes())
    return meter.finish()


@given(st.integers(0, 5 * STEP), st.lists(st.integers(0, 10_000), max_size=8), st.integers(1, 2))
def test_cuts_make_no_difference(frames: int, cuts: list[int], channels: int) -> None:
    sound = np.random.default_rng(frames).integers(-32768, 32768, (frames, channels))
    whole, cut = measured(sound), measured(sound, cuts)
    assert np.array_equal(whole.peaks, cut.peaks)
    assert whole.length_s == cut.length_s == frames / RATE
    assert len(whole.peaks) == -(-frames // STEP)


def test_channels_are_measured_apart_and_to_the_full_scale() -> None:
    sound = np.zeros((3 * STEP, 2), np.int16)
    sound[STEP + 7, 0] = -32768
    sound[2 * STEP, 1] = 16384
    assert measured(sound).points(3) == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.502]]


@given(st.integers(1, 400), st.integers(1, 500))
def test_fewer_points_hide_no_peak(steps: int, most: int) -> None:
    sound = np.random.default_rng(steps).integers(-32768, 32768, (steps * STEP, 1))
    loudness = measured(sound)
    (points,) = loudness.points(most)
    assert len(points) == min(most, steps)
    assert max(points) == round(int(loudness.peaks.max()) / 255, 3)


def test_no_sound_has_no_points() -> None:
    assert measured(np.empty((0, 2))).points(100) == [[], []]


def test_it_is_kept_as_bytes() -> None:
    loudness = measured(np.arange(2 * 5 * STEP).reshape(-1, 2))
    again = Loudness.from_bytes(loudness.to_bytes())
    assert np.array_equal(again.peaks, loudness.peaks)
    assert again.length_s == loudness.length_s


@pytest.mark.parametrize("data", [b"", b"short", b"\0" * 9, b"\2" + b"\0" * 8 + b"odd"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Loudness.from_bytes(data)
