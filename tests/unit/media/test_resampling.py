from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.media.resampling import USUAL_RATES, Resampler, mulaw_to_pcm

pytestmark = pytest.mark.unit


def noise(samples: int, channels: int, seed: int = 1) -> bytes:
    random = np.random.default_rng(seed)
    return random.integers(-20_000, 20_000, samples * channels, dtype=np.int16).tobytes()


def whole(rate: int, channels: int, pcm: bytes) -> bytes:
    resampler = Resampler(rate, channels)
    return resampler.process(pcm) + resampler.finish()


@pytest.mark.parametrize("rate", USUAL_RATES)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [0, 1, 4_801, 96_007])
def test_length_follows_from_the_rates(rate: int, channels: int, samples: int) -> None:
    resampled = whole(rate, channels, noise(samples, channels))
    target = 8_000 if rate == 8_000 else 16_000
    assert Resampler(rate, channels).rate == target
    assert abs(len(resampled) / (2 * channels) - samples * target / rate) <= 0.5


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_pcm_that_needs_no_change_passes_at_once(rate: int) -> None:
    resampler, pcm = Resampler(rate, 2), noise(100, 2)
    assert resampler.process(pcm) is pcm
    assert resampler.finish() == b""


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(USUAL_RATES),
    st.integers(1, 2),
    st.lists(st.integers(0, 5_000), max_size=8).map(sorted),
)
def test_any_split_gives_the_same_bits(rate: int, channels: int, cuts: list[int]) -> None:
    pcm = noise(5_000, channels)
    resampler = Resampler(rate, channels)
    pieces = [
        resampler.process(pcm[a * 2 * channels : b * 2 * channels])
        for a, b in pairwise([0, *cuts, 5_000])
    ]
    assert b"".join(pieces) + resampler.finish() == whole(rate, channels, pcm)


def test_sound_is_that_of_soxr_within_rounding() -> None:
    pcm = noise(44_100, 2)
    source = np.frombuffer(pcm, "<i2").reshape(-1, 2)
    expected = soxr.resample(source.astype(np.float64), 44_100, 16_000)
    resampled = np.frombuffer(whole(44_100, 2, pcm), "<i2").reshape(-1, 2)
    assert np.abs(resampled - np.clip(expected, -32768, 32767)).max() <= 1.0


def test_loud_sound_is_clipped_not_wrapped() -> None:
    square = np.tile(np.repeat(np.array([32767, -32768], np.int16), 24), 200)
    resampled = np.frombuffer(whole(48_000, 1, square.tobytes()), "<i2").astype(int)
    middle = resampled[1000:-1000]
    assert np.abs(np.diff(np.sign(middle))).sum() / 2 == pytest.approx(len(middle) / 8, abs=2)


def test_half_a_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="buffer size"):
        Resampler(48_000, 1).process(b"\0\0\0")
    with pytest.raises(ValueError, match="reshape"):
        Resampler(48_000, 2).process(b"\0\0")


def test_mulaw_is_that_of_g711() -> None:
    # G.711, table 2a: decision values at the ends of the segments, in 16 bits.
    known = {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0x7E: -8, 0xEF: 132, 0x8F: 16764}
    pcm = np.frombuffer(mulaw_to_pcm(bytes(known)), "<i2").tolist()
    assert pcm == list(known.values())


def test_mulaw_rises_over_its_codes() -> None:
    pcm = np.frombuffer(mulaw_to_pcm(bytes(range(256))), "<i2").astype(int)
    assert (np.diff(pcm[:128]) > 0).all()
    assert (pcm[128:] == -pcm[:128]).all()
