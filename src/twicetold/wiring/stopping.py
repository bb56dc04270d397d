"""How a process ends: at the first signal in order and in time, at the second at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger()


async def until_stopped(work: Coroutine[Any, Any, None], within_s: float) -> None:
    """Run ``work`` until it ends, or is cancelled by SIGTERM or SIGINT; then it hands over what it
    has in hand. Raises what it raises.

    Where it has not come to its end ``within_s`` of the signal, the process ends without it:
    whatever dies here is taken over like the work of any killed process.
    """
    task = asyncio.ensure_future(work)
    try:
        with _asked() as asked:
            waiting = asyncio.ensure_future(asked.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not task.done():
                log.info("stopping", within_s=within_s)
                task.cancel()
                await asyncio.wait({task}, timeout=within_s)
                if not task.done():
                    log.error("not_stopped_in_time", within_s=within_s)
                    _end(1)
                elif task.cancelled():
                    _end(0)  # a thread may still wait for a carrier that does not answer
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if not task.cancelled():
        task.result()


@contextmanager
def _asked() -> Iterator[asyncio.Event]:
    """Set by the first signal; the second ends the process."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told(number: signal.Signals) -> None:
        if asked.is_set():
            log.warning("stopped_at_once", signal=number.name)
            _end(128 + number)
        asked.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, told, number)
    try:
        yield asked
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _end(code: int) -> None:
    """Now: neither the loop nor a thread that hangs is waited for. Children end with us."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
