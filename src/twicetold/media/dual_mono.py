"""Noticing two channels that carry the same sound: every word would come twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RESIDUAL_DB = 30.0
GAIN_DB = 6.0
SILENCE_DBFS = -60.0  # below it, rounding alone makes equal channels differ

_SILENT_POWER = (32768.0 * 10 ** (SILENCE_DBFS / 20)) ** 2
_RESIDUAL_SHARE = 10 ** (-RESIDUAL_DB / 10)
_LARGEST_GAIN = 10 ** (GAIN_DB / 20)


def same_sound(pcm: bytes) -> bool | None:
    """Whether both channels of interleaved stereo s16le are the same sound, perhaps louder or
    with its polarity turned.

    One channel is scaled to fit the other by least squares: what then is left must lie 30 dB
    below the sound, and the scale within ±6 dB. None where both are silent: it cannot be told.
    """
    left, right = np.frombuffer(pcm, "<i2").reshape(-1, 2).T.astype(np.float64, order="C")
    if len(left) == 0:
        return None
    left_power, right_power = _covariance(left, left), _covariance(right, right)
    if max(left_power, right_power) < _SILENT_POWER:
        return None
    if min(left_power, right_power) < 1.0:  # nothing at all, but for rounding
        return False
    common = _covariance(left, right)
    residual = 1.0 - common * common / (left_power * right_power)
    gain = abs(common) / left_power
    return residual <= _RESIDUAL_SHARE and 1 / _LARGEST_GAIN <= gain <= _LARGEST_GAIN


def _covariance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    # einsum, not dot: BLAS would start threads, which cost more than they save here.
    product = float(np.einsum("i,i", one, other)) / len(one)
    return product - float(one.mean()) * float(other.mean())
