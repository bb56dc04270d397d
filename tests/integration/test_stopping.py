"""Signals to a process: the first asks it to stop in order and in time, the second ends it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.integration.processes import process

pytestmark = pytest.mark.integration

_WORK = """
    import asyncio, sys, time
    from twicetold.observe.logging import configure
    from twicetold.wiring.stopping import until_stopped

    configure("info")

    async def work():
        try:
            print("there", flush=True)
            await asyncio.sleep(60)
        finally:
            print("leaving", flush=True)
            await asyncio.sleep(float(sys.argv[1]))
            print("left", flush=True)

    asyncio.run(until_stopped(work(), float(sys.argv[2])))
"""


@contextmanager
def working(leaves_s: float, within_s: float) -> Iterator[subprocess.Popen[str]]:
    with process(_WORK, leaves_s, within_s) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "there\n"
        yield started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_has_it_leave_in_order(number: signal.Signals) -> None:
    with working(0.2, 20) as started:
        started.send_signal(number)
        out, err = started.communicate(timeout=10)
        assert (started.returncode, out) == (0, "leaving\nleft\n")
        assert "Traceback" not in err


def test_the_second_ends_it_at_once() -> None:
    with working(30, 60) as started:
        started.send_signal(signal.SIGTERM)
        assert started.stdout is not None
        assert started.stdout.readline() == "leaving\n"
        began = time.monotonic()
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=10)
        assert time.monotonic() - began < 5
        assert (started.returncode, out) == (128 + signal.SIGTERM, "")
        assert "Traceback" not in err


def test_what_does_not_come_to_its_end_in_time_is_ended() -> None:
    with working(30, 0.3) as started:
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=10)
        assert (started.returncode, out) == (1, "leaving\n")
        assert "not_stopped_in_time" in err


def test_an_error_is_raised_as_ever() -> None:
    failing = """
        import asyncio
        from twicetold.wiring.stopping import until_stopped
        async def work():
            raise SystemError("as ever")
        asyncio.run(until_stopped(work(), 1))
    """
    with process(failing) as started:
        _, err = started.communicate(timeout=10)
        assert started.returncode == 1
        assert "as ever" in err
