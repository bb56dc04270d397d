"""Ctrl-C as a request to finish; a second one as the order to stop at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Stopped(Exception):
    """Ctrl-C, noticed inside the event loop. The command line ends with code 130."""


@contextmanager
def stop_on_interrupt() -> Iterator[asyncio.Event]:
    """The event is set by the first Ctrl-C (or SIGTERM); the second cancels the running task,
    which then ends with Stopped."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    at_once = False

    def interrupted() -> None:
        nonlocal at_once
        if stopped.is_set() and task is not None:
            at_once = True
            task.cancel()
        stopped.set()

    numbers: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in numbers:
            loop.add_signal_handler(number, interrupted)
    except (ValueError, RuntimeError, NotImplementedError):
        numbers = ()  # not the main thread, or no such signals here: Ctrl-C works as usual
    try:
        yield stopped
    except asyncio.CancelledError:
        if at_once:
            raise Stopped from None
        raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
