"""Threads that poll a client library: one that ends by mistake says so."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import structlog

from twicetold.errors import Unavailable

_log = structlog.get_logger()


def guarded(name: str, work: Callable[[], None], failed: Callable[[Unavailable], None]) -> None:
    """Run a thread's ``work``. An error that nobody foresaw is logged, and ``failed`` is called in
    this thread with words for people."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - told, without its message: it may quote anything
        _log.error("broker_thread_failed", thread=name, **described(error))
        failed(
            Unavailable(
                f"The thread {name} of the broker has failed.",
                "Restart this process; its log says where it failed.",
            )
        )


def described(error: Exception) -> dict[str, str]:
    """An error's kind and place, for the log."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "where": where}
