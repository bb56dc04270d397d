from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest

from twicetold.media.decoding import PcmMaker, Timeline, samples_of

pytestmark = pytest.mark.unit


def frame(start_s: float, samples: int = 160, rate: int = 16_000) -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.int16), "s16", "mono")
    made.sample_rate, made.time_base, made.pts = rate, Fraction(1, rate), round(start_s * rate)
    return made


def run(timeline: Timeline, starts_s: list[float]) -> list[float]:
    gaps = []
    for start_s in starts_s:
        made = frame(start_s)
        gaps.append(round(timeline.gap_s(made), 6))
        timeline.advance(gaps[-1] + 0.01)
    return gaps


def test_frames_in_a_row_leave_no_gap() -> None:
    assert run(Timeline(), [5.0, 5.01, 5.02]) == [0, 0, 0]


def test_sound_that_begins_after_the_film_waits_for_it() -> None:
    assert run(Timeline(origin_s=0.0), [1.5, 1.51]) == [1.5, 0]


def test_missing_sound_is_filled_once() -> None:
    assert run(Timeline(), [0, 0.01, 0.52, 0.53]) == [0, 0, 0.5, 0]


def test_small_gap_is_filled_only_after_damage() -> None:
    starts = [0, 0.03, 0.04]
    assert run(Timeline(), starts) == [0, 0, 0]
    timeline = Timeline()
    assert run(timeline, starts[:1]) == [0]
    timeline.damaged = True
    assert run(timeline, starts[1:]) == [0.02, 0]


def test_vague_time_stamps_do_not_tear_the_sound() -> None:
    random = np.random.default_rng(3)
    starts = [0.01 * n + random.uniform(-0.04, 0.04) for n in range(200)]
    assert set(run(Timeline(), starts)) == {0.0}


def test_time_stamps_that_jump_are_a_new_beginning() -> None:
    assert run(Timeline(longest_gap_s=30), [0, 0.01, 9_000, 9_000.01]) == [0, 0, 0, 0]
    assert run(Timeline(), [50, 50.01, 3, 3.01, 4.02]) == [0, 0, 0, 0, 1.0]


def test_silence_has_an_end() -> None:
    timeline = Timeline()
    filled = sum(run(timeline, [n * 500.0 for n in range(1, 200)]))
    assert filled <= 6 * 3600


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("s16", np.int16(-12_345), -12_345),
        ("s16p", np.int16(12_345), 12_345),
        ("s32", np.int32(12_345 << 16), 12_345),
        ("u8", np.uint8(0), -32_768),
        ("flt", np.float32(0.5), 16_384),
        ("fltp", np.float32(-1.0), -32_768),
        ("dbl", np.float64(0.25), 8_192),
        ("fltp", np.float32("nan"), 0),
        ("fltp", np.float32("inf"), 32_768),
    ],
)
def test_samples_of_any_format_have_one_scale(
    kind: str, value: np.generic, expected: float
) -> None:
    shape = (2, 10) if kind.endswith("p") else (1, 20)
    array: npt.NDArray[np.generic] = np.full(shape, value)
    made = samples_of(av.AudioFrame.from_ndarray(array, kind, "stereo"))
    assert made.shape == (10, 2)
    assert made.dtype == np.float32
    assert (made == expected).all()


def test_change_of_rate_and_channels_within_a_track_keeps_the_length() -> None:
    maker = PcmMaker(16_000, 2)
    pcm = maker.add(np.zeros((48_000, 2), np.float32), 48_000)
    pcm += maker.add(np.zeros((22_050, 1), np.float32), 22_050)
    pcm += maker.add(np.zeros((16_000, 6), np.float32), 16_000)
    pcm += maker.finish()
    assert len(pcm) == 3 * 16_000 * 4


def test_more_channels_than_two_are_mixed_evenly() -> None:
    maker = PcmMaker(16_000, 1)
    surround = np.arange(6, dtype=np.float32)[np.newaxis] * np.ones((100, 1), np.float32) * 1000
    pcm = maker.add(surround, 16_000) + maker.finish()
    assert np.frombuffer(pcm, "<i2").tolist() == [2500] * 100
