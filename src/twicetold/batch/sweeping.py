"""Looking at every call of which something lies in the store, again and again."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod

import structlog

from twicetold.errors import BadIdentifier, TwicetoldError
from twicetold.speech.identity import CallKey

log = structlog.get_logger()


class Sweeping(ABC):
    """What settles calls one by one. One call's trouble stays its own, and is in the log."""

    def __init__(self, every_s: float) -> None:
        """``every_s``: how often all calls are looked at."""
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """Look at each call once; returns of how many something was removed."""
        removed = 0
        for tenant, call_id in await asyncio.to_thread(self.names):
            with contextlib.suppress(BadIdentifier):
                removed += await self._settled(CallKey.checked(tenant, call_id))
        return removed

    async def _settled(self, key: CallKey) -> bool:
        try:
            return await self.settle(key)
        except (TwicetoldError, OSError) as error:
            told = {"what": type(self).__name__.lower(), "error": type(error).__name__}
            log.warning("sweep_failed_for_call", call=str(key), **told)
            return False

    @abstractmethod
    def names(self) -> list[tuple[str, str]]:
        """Tenants and call ids, as the store has them. Blocks."""

    @abstractmethod
    async def settle(self, key: CallKey) -> bool:
        """Remove what is due; whether anything was."""
