"""Speech activity: a pure function of state and audio, on sounds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from twicetold.engines.silero import SileroActivity
from twicetold.errors import UnsupportedRate

pytestmark = pytest.mark.unit

ACTIVITY = SileroActivity()
RATES = pytest.mark.parametrize("rate", [8_000, 16_000])


def buzz(rate: int, seconds: float) -> bytes:
    """Something like a vowel: a pitch of 120 to 150 Hz through three formants, in syllables."""
    at = np.arange(int(rate * seconds)) / rate
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = ((700, 130, 1.0), (1220, 110, 0.5), (2600, 160, 0.2))
    voice = np.zeros(len(at))
    for harmonic in range(1, int(3500 / 150)):
        hertz = harmonic * 130.0
        gain = sum(a / (1 + ((hertz - f) / w) ** 2) for f, w, a in formants)
        voice += gain * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * at) + 0.4, 0, 1)
    return (voice * syllables * 2500).astype("<i2").tobytes()


@RATES
def test_silence_and_noise_are_no_speech(rate: int) -> None:
    frame = ACTIVITY.frame_samples(rate)
    noise = np.random.default_rng(1).normal(0, 300, 30 * frame).astype("<i2").tobytes()
    for sound in (bytes(2 * 30 * frame), noise):
        heard, _ = ACTIVITY.probabilities(ACTIVITY.start(rate), sound)
        assert len(heard) == 30
        assert max(heard[3:]) < 0.5


@RATES
def test_a_voice_is_speech(rate: int) -> None:
    frame = ACTIVITY.frame_samples(rate)
    sound = buzz(rate, 2.0)
    sound = sound[: len(sound) // (2 * frame) * 2 * frame]
    heard, _ = ACTIVITY.probabilities(ACTIVITY.start(rate), sound)
    assert max(heard) > 0.5


@RATES
def test_a_whistle_is_no_speech(rate: int) -> None:
    frame = ACTIVITY.frame_samples(rate)
    at = np.arange(100 * frame) / rate
    for hertz in (262, 349, 440, 587, 880):
        phase = 2 * np.pi * hertz * at + 0.2 * np.sin(2 * np.pi * 5 * at)
        tune = np.sin(phase) + 0.25 * np.sin(2 * phase) + 0.06 * np.sin(3 * phase)
        heard, _ = ACTIVITY.probabilities(
            ACTIVITY.start(rate), (tune * 6000).astype("<i2").tobytes()
        )
        assert max(heard) < 0.5


@RATES
def test_frames_by_ones_are_frames_together(rate: int) -> None:
    size = 2 * ACTIVITY.frame_samples(rate)
    sound = buzz(rate, 1.0)
    sound = sound[: len(sound) // size * size]
    together, _ = ACTIVITY.probabilities(ACTIVITY.start(rate), sound)
    state, single = ACTIVITY.start(rate), []
    for at in range(0, len(sound), size):
        probabilities, state = ACTIVITY.probabilities(state, sound[at : at + size])
        single += probabilities
    assert single == together


def test_a_state_can_be_used_twice() -> None:
    sound = buzz(16_000, 0.512)[: 2 * 512 * 16]
    state = ACTIVITY.start(16_000)
    _, later = ACTIVITY.probabilities(state, sound)
    first = ACTIVITY.probabilities(later, sound)[0]
    ACTIVITY.probabilities(ACTIVITY.start(8_000), sound)
    assert ACTIVITY.probabilities(later, sound)[0] == first


def test_whole_frames_of_a_known_rate_only() -> None:
    assert ACTIVITY.frame_samples(16_000) == 512
    assert ACTIVITY.frame_samples(8_000) == 256
    with pytest.raises(UnsupportedRate, match="44100"):
        ACTIVITY.start(44_100)
    with pytest.raises(ValueError, match="whole frames"):
        ACTIVITY.probabilities(ACTIVITY.start(16_000), bytes(100))
    assert ACTIVITY.probabilities(ACTIVITY.start(16_000), b"")[0] == []
