"""Retries: soon at first, rarer and rarer, for three days."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.webhooks.backoff import DAYS_3_S, next_attempt_at

pytestmark = pytest.mark.unit


@given(seed=st.integers(0, 2**32))
def test_attempts_go_on_for_three_days_and_then_end(seed: int) -> None:
    chance, moments = random.Random(seed), [0.0]
    while (at := next_attempt_at(0.0, len(moments), moments[-1], chance)) is not None:
        moments.append(at)
    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert 15 <= len(moments) <= 25
    assert DAYS_3_S - 6 * 3600 * 1.2 <= moments[-1] <= DAYS_3_S
    assert 4.0 <= waits[0] <= 6.0
    assert max(waits) <= 6 * 3600 * 1.2
    assert all(later > earlier for earlier, later in pairwise(waits[:8]))


def test_endpoints_that_fail_together_do_not_come_back_together() -> None:
    chance = random.Random(7)
    assert len({next_attempt_at(0.0, 5, 0.0, chance) for _ in range(50)}) == 50
