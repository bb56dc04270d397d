from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from twicetold.media.dual_mono import same_sound

pytestmark = pytest.mark.unit

RANDOM = np.random.default_rng(7)
VOICE = RANDOM.normal(0, 3000, 16_000)
OTHER = RANDOM.normal(0, 3000, 16_000)


def stereo(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> bytes:
    return np.stack([left, right], axis=1).round().astype("<i2").tobytes()


@pytest.mark.parametrize("gain", [1.0, 0.55, 1.9, -1.0])
def test_one_sound_at_two_levels_is_the_same(gain: float) -> None:
    assert same_sound(stereo(VOICE, VOICE * gain)) is True


def test_one_sound_with_a_little_noise_is_the_same() -> None:
    assert same_sound(stereo(VOICE, VOICE + OTHER * 0.02)) is True


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_sound_with_something_of_its_own_is_another(share: float) -> None:
    assert same_sound(stereo(VOICE, VOICE + OTHER * share)) is False


@pytest.mark.parametrize("gain", [0.4, 2.5, 0.0])
def test_levels_far_apart_are_a_voice_and_its_crosstalk(gain: float) -> None:
    assert same_sound(stereo(VOICE, VOICE * gain)) is False
    assert same_sound(stereo(VOICE * gain, VOICE)) is False


def test_silence_tells_nothing() -> None:
    assert same_sound(b"") is None
    assert same_sound(bytes(6_400)) is None
    assert same_sound(stereo(VOICE * 0.005, VOICE * 0.005)) is None


def test_constant_offset_is_no_sound() -> None:
    assert same_sound(stereo(VOICE * 0 + 3000, VOICE * 0 + 3000)) is None
    assert same_sound(stereo(VOICE * 0 + 3000, VOICE)) is False


def test_a_late_copy_is_another_sound() -> None:
    assert same_sound(stereo(VOICE, np.roll(VOICE, 80))) is False
