"""Work is timed where it is done, and fails as it would."""

from __future__ import annotations

import time

import pytest

from twicetold.enrich.timing import timed

pytestmark = pytest.mark.unit


def test_work_gives_what_it_returns_and_how_long_it_took() -> None:
    made, seconds = timed(lambda pause_s: time.sleep(pause_s) or "done", 0.02)
    assert made == "done"
    assert seconds >= 0.02


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="says the test"):
        timed(_fail)


def _fail() -> None:
    raise ValueError("says the test")
