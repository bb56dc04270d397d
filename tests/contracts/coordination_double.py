"""A coordination store in memory, for members that live in one process."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping


class FakeCoordination:
    """While ``reachable`` is cleared, calls wait. ``calls`` are what was asked, in order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.calls: list[str] = []
        self.members: dict[str, dict[str, float]] = defaultdict(dict)
        self.holders: dict[str, dict[str, tuple[str, float]]] = defaultdict(dict)
        self.stored: dict[str, dict[str, int]] = defaultdict(dict)
        self.reachable = asyncio.Event()
        self.reachable.set()

    async def beat(
        self, group: str, member: str, ttl_s: float, wanted: Collection[str]
    ) -> tuple[list[str], set[str]]:
        self.calls.append("beat")
        await self.reachable.wait()
        now = self.clock()
        members, holders = self.members[group], self.holders[group]
        members[member] = now + ttl_s
        for each in [each for each, until in members.items() if until <= now]:
            del members[each]
        for partition in wanted:
            holder, until = holders.get(partition, ("", 0.0))
            if holder == member or until <= now:
                holders[partition] = member, now + ttl_s
        return sorted(members), {each for each in wanted if holders[each][0] == member}

    async def yield_up(self, group: str, member: str, partitions: Collection[str]) -> None:
        self.calls.append("yield_up")
        await self.reachable.wait()
        for partition in partitions:
            if self.holders[group].get(partition, ("", 0.0))[0] == member:
                del self.holders[group][partition]

    async def leave(self, group: str, member: str) -> None:
        await self.yield_up(group, member, list(self.holders[group]))
        self.members[group].pop(member, None)

    async def positions(self, group: str) -> dict[str, int]:
        self.calls.append("positions")
        await self.reachable.wait()
        return dict(self.stored[group])

    async def advance(self, group: str, positions: Mapping[str, int]) -> None:
        self.calls.append("advance")
        await self.reachable.wait()
        stored = self.stored[group]
        for partition, position in positions.items():
            stored[partition] = max(position, stored.get(partition, 0))
