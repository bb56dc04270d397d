"""How far a client's captions are behind, as the gateway sees it, and when it says so."""

from __future__ import annotations

import pytest

from twicetold.gateway.lag import Lag

pytestmark = pytest.mark.unit

RATE = 16_000


def lag(published_s: float = 0.0, settled_s: float = 0.0, *, over: bool = False) -> Lag:
    """Of a connection that begins at moment 100."""
    return Lag(
        RATE,
        published=int(published_s * RATE),
        settled=int(settled_s * RATE),
        over=over,
        notice_s=3.0,
        now=100.0,
    )


def test_it_is_what_was_sent_and_not_worked_through() -> None:
    new = lag()
    assert new.seconds(5 * RATE, 105.0) == 5.0
    new.heard(4 * RATE)
    assert new.seconds(5 * RATE, 105.0) == 1.0
    assert new.seconds(3 * RATE, 105.0) == 0.0  # a worker never hears more than there is, but for
    assert new.seconds(4 * RATE, 105.0, held_since=103.0) == 2.0  # what the client holds back


def test_a_live_pass_that_is_gone_leaves_it_growing() -> None:
    new = lag()
    assert [new.seconds(n * RATE, 100.0 + n) for n in (1, 10, 600)] == [1.0, 10.0, 600.0]
    new.heard(590 * RATE)
    assert [new.seconds(n * RATE, 100.0 + n) for n in (600, 700)] == [10.0, 110.0]


def test_who_resumes_waits_for_the_live_pass_to_say_how_far_it_is() -> None:
    resumed = lag(300.0, 250.0)
    assert resumed.seconds(301 * RATE, 101.0) == 1.0
    assert resumed.seconds(303 * RATE, 103.9) == 3.0
    assert resumed.seconds(304 * RATE, 104.0) == 54.0  # it says nothing: what is settled counts
    resumed.heard(303 * RATE)
    assert resumed.seconds(304 * RATE, 104.0) == 1.0


def test_who_resumes_and_is_silent_at_first_gives_the_live_pass_its_time_then() -> None:
    resumed = lag(600.0, 30.0)
    assert resumed.seconds(600 * RATE, 105.0) == 0.0
    assert resumed.seconds(600 * RATE + 3200, 105.1) == 0.2
    resumed.heard(600 * RATE + 3000)
    assert resumed.seconds(610 * RATE, 115.0) < 10.0


def test_a_call_that_was_resumed_and_is_silent_is_not_behind() -> None:
    """There is nothing to hear, so nothing is said of it."""
    assert lag(300.0, 250.0).seconds(300 * RATE, 500.0) == 0.0


def test_who_comes_back_for_the_rest_waits_for_all_that_is_not_settled() -> None:
    over = lag(300.0, 250.0, over=True)
    assert over.seconds(300 * RATE, 101.0) == 0.0
    assert over.seconds(300 * RATE, 103.0) == 50.0
    assert lag(300.0, 300.0, over=True).seconds(300 * RATE, 103.0) == 0.0


def test_it_is_told_again_each_second_and_once_when_it_is_over() -> None:
    new = lag()
    told = [new.due(seconds, 100.0 + tick / 2) for tick, seconds in enumerate([2.9, 3.0, 3.5, 4.0])]
    assert told == [None, 3.0, None, 4.0]
    assert [new.due(2.9, 101.6), new.due(2.9, 102.0)] == [0.0, None]


def test_an_hour_of_it_is_told_once_a_second_at_most() -> None:
    new = lag()
    told = [new.due(3.0 + tick / 2, 100.0 + tick / 2) for tick in range(7200)]
    assert sum(seconds is not None for seconds in told) == 3600


def test_what_may_be_unheard_counts_from_what_is_settled_until_the_live_pass_says_more() -> None:
    resumed = lag(100.0, 40.0)
    assert resumed.unheard_s(100 * RATE) == 60.0
    resumed.heard(99 * RATE)
    assert resumed.unheard_s(101 * RATE) == 2.0
    assert lag().unheard_s(0) == 0.0
