"""What was removed stays readable in Redis's append-only file until that is written anew."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from twicetold.errors import Unavailable
from twicetold.sessions.redis_link import Link, Refused

log = structlog.get_logger()

_EVERY_S = 600.0


class Rewriting:
    """Has the file written anew within ten minutes of a removal, and no more often."""

    def __init__(self, link: Link) -> None:
        self.needed = False  # known once the server was asked
        self._link = link
        self._due = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Something was removed."""
        self._due = True
        if self.needed and self._task is None:
            self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """What is due is asked for now; nobody waits for it to be done."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._due and self.needed:
            await self._rewrite()

    async def _run(self) -> None:
        while self._due:
            await self._rewrite()
            await asyncio.sleep(_EVERY_S)
        self._task = None

    async def _rewrite(self) -> None:
        self._due = False  # what is removed from now on may come too late for this time
        try:
            await self._link.ask(("BGREWRITEAOF",))
        except Refused as refused:
            if refused.kind == "mend":
                self.needed = False
                log.warning("removed_words_stay_in_redis_log", reason=refused.message)
            else:  # one is under way, which has begun before
                self._due = True
        except Unavailable:
            self._due = True
