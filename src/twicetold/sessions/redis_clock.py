"""What time it is at the server, learnt from its answers: only its clock can tell a change that
its writer still waits for from one that comes too late."""

from __future__ import annotations

import asyncio
import math

from twicetold.sessions.redis_link import Link

_STALE_S = 30.0  # clocks are corrected, by milliseconds a minute


class ServerClock:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._ahead_us = 0.0
        self._learnt_at = -math.inf

    def learn(self, now_us: int) -> None:
        """An answer came just now that was given at the server's ``now_us``."""
        self._learnt_at = asyncio.get_running_loop().time()
        self._ahead_us = now_us - self._learnt_at * 1_000_000

    async def deadline_us(self) -> int:
        """When a call that begins now is given up, by the server's clock; sooner by what its last
        answer took to come. Raises Unavailable."""
        now = asyncio.get_running_loop().time()
        if now - self._learnt_at > _STALE_S:
            seconds, us = await self._link.ask(("TIME",))
            self.learn(int(seconds) * 1_000_000 + int(us))
            now = self._learnt_at
        return round((now + self._link.deadline_s) * 1_000_000 + self._ahead_us)
