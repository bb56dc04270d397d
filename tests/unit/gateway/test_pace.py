"""How fast a client may send: against real time, and against who hears it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.gateway.pace import Ahead, Pace

pytestmark = pytest.mark.unit

UNHEARD_S = 10.0


def test_thirty_seconds_ahead_are_let_pass_while_the_live_pass_keeps_up() -> None:
    pace = Pace(ahead_s=0.0, now=0.0)
    pace.take(30.0, 0.0)
    assert pace.hold_s(0.0, 0.0) == 0.0
    pace.take(1.0, 0.0)
    assert pace.hold_s(0.0, 0.0) == 1.0
    assert pace.too_far(0.5)
    assert pace.hold_s(0.0, 1.0) == 0.0


def test_what_nobody_has_heard_is_not_followed_by_more_than_is_spoken_meanwhile() -> None:
    pace = Pace(ahead_s=-3_600.0, now=0.0)  # it may catch up an hour
    pace.take(11.0, 0.0)
    assert pace.hold_s(11.0, 0.0) == 9.0  # but for two seconds that may come at once
    assert pace.hold_s(UNHEARD_S - 0.1, 0.0) == 0.0
    assert not pace.too_far(0.0)


def test_who_speaks_is_never_held_however_far_behind_the_live_pass_is() -> None:
    pace = Pace(ahead_s=0.0, now=0.0)
    for second in range(1, 600):
        pace.take(1.0, float(second))
        assert pace.hold_s(float(second), float(second)) == 0.0


def test_a_pause_allows_no_burst_to_who_is_not_heard() -> None:
    pace = Pace(ahead_s=0.0, now=0.0)
    pace.take(12.0, 300.0)
    assert pace.hold_s(12.0, 300.0) == 10.0


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60), st.floats(0, 100)), max_size=40))
def test_law_whoever_waits_as_long_as_it_is_told_may_go_on(
    steps: list[tuple[float, float, float]],
) -> None:
    pace, now = Pace(ahead_s=0.0, now=0.0), 0.0
    for seconds, later_s, unheard_s in steps:
        now += later_s
        pace.take(seconds, now)
        now += pace.hold_s(unheard_s, now)
        assert pace.hold_s(unheard_s, now) == pytest.approx(0.0, abs=1e-6)
        assert pace.ahead_s(now) <= 30.0 + 1e-6


def test_a_client_that_breaks_off_has_no_new_allowance() -> None:
    ahead = Ahead()
    assert ahead.of("call", 0.0) == 0.0
    ahead.note("call", 29.0, 1.0)
    assert ahead.of("call", 1.0) == 29.0
    assert ahead.of("call", 21.0) == 9.0
    assert ahead.of("call", 100.0) == 0.0
    assert ahead.of("another", 1.0) == 0.0


def test_what_is_no_longer_ahead_is_not_known() -> None:
    ahead = Ahead()
    for number in range(1_000):
        ahead.note(number, 1.0, float(number))
    ahead.note("behind", -5.0, 1_000.0)
    assert len(ahead._even_at) <= 2
