"""When a delivery that failed is tried again."""

from __future__ import annotations

import random

DAYS_3_S = 3 * 86_400.0
_FIRST_S, _FACTOR, _LONGEST_S = 5.0, 3.0, 6 * 3600.0


def next_attempt_at(
    begun_at: float, attempts: int, now: float, chance: random.Random
) -> float | None:
    """Unix seconds: 5 s after the first attempt, three times as long after each further one, six
    hours at most, each up to a fifth shorter or longer; None where that is more than three days
    after it was first due."""
    wait_s = min(_LONGEST_S, _FIRST_S * _FACTOR ** min(attempts - 1, 20))
    at = now + wait_s * chance.uniform(0.8, 1.2)
    return at if at <= begun_at + DAYS_3_S else None
