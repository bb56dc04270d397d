"""File descriptors: as many as this machine gives, and what it is called when they run out."""

from __future__ import annotations

import errno
import resource

import structlog

from twicetold.errors import Overloaded

log = structlog.get_logger()

_PER_CALL = 3  # its socket, its log, and now and then its spool, a part or a page of its text
_FOR_THE_REST = 100
_RUN_OUT = (errno.EMFILE, errno.ENFILE)


def raise_limit(max_live_calls: int) -> int:
    """Take as many as the hard limit allows; how many there are. Warns where they are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError) as error:  # macOS: "unlimited" is more than it gives
            log.info("descriptors_not_raised", limit=soft, error=type(error).__name__)
    wanted = _PER_CALL * max_live_calls + _FOR_THE_REST
    if soft != resource.RLIM_INFINITY and soft < wanted:
        log.warning(
            "descriptors_too_few",
            limit=soft,
            wanted=wanted,
            hint="Raise the limit of open files (ulimit -n, LimitNOFILE=), "
            "or lower max_live_calls.",
        )
    return soft


def exhausted(error: BaseException) -> Overloaded | None:
    """What to raise instead, where there was no file descriptor left; None for all else."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _RUN_OUT or "Too many open files" in str(error):
        return Overloaded("The server has as many files open as it may (ulimit -n).")
    return None
