"""Voices for tests: hums of a pitch, through a mouth of a shape, that never say the same twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8_000


def hum(seconds: float, pitch: float, formants: tuple[float, ...], seed: int) -> NDArray[np.int16]:
    """Syllables of a buzz with a wandering pitch, whose formants move about their places."""
    random = np.random.default_rng(seed)
    pieces = []
    while sum(map(len, pieces)) < seconds * RATE:
        count = int(random.uniform(0.08, 0.25) * RATE)
        tone = pitch * 2 ** random.normal(0, 0.08)
        at = np.arange(count) / RATE
        moved = [place * 2 ** random.normal(0, 0.25) for place in formants]
        harmonics = np.arange(1, int(RATE / 2 / tone))[:, None]
        loud = sum(np.exp(-(((harmonics * tone - place) / 150) ** 2)) for place in moved) + 0.03
        phases = random.uniform(0, 6, harmonics.shape)
        sound = (loud * np.sin(2 * np.pi * harmonics * tone * at + phases)).sum(axis=0)
        pieces.append(sound * np.hanning(count) ** 0.3)
    whole = np.concatenate(pieces)[: int(seconds * RATE)]
    noise = random.normal(0, 60, len(whole))
    return (whole / np.abs(whole).max() * 8_000 + noise).astype("<i2")


LOW = (110.0, (500.0, 1_100.0, 2_400.0))
HIGH = (210.0, (650.0, 1_700.0, 2_900.0))
