"""One member of a group whose broker does not share its partitions out by itself.

The session store keeps who lives, who holds which partition, and the group's positions. A member
says once a second that it lives. One that could not for as long as that holds (it was stopped, or
the store was away) gives everything up before anything more is handed out: others may read its
partitions by then.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import structlog

from twicetold.broker import Coordination
from twicetold.broker.rabbitmq.shares import by_preference, share_of
from twicetold.errors import TwicetoldError

log = structlog.get_logger()

_TTL_S = 3.0
_BEAT_S = 1.0
_HUNGRY_BEAT_S = 0.25  # while there is less than our share to hold
_ADVANCE_S = 1.0
_NOTE_ALL_S = 60.0
_LAST_WORDS_S = 5.0
_TICK_S = 0.01  # by which a timer may come too early


class Holder(Protocol):
    """Reads what its membership holds."""

    def gained(self, partition: str, position: int | None) -> None:
        """Read from ``position``, or, where the group has none, from the beginning."""

    def lost(self, partition: str) -> None:
        """Hand out nothing more of it."""

    def positions(self) -> dict[str, int]:
        """Per partition that is held, the lowest position that is still needed."""

    def able(self) -> bool:
        """Whether it can read at all; if not, others should."""


class Membership:
    """Holds its share of ``partitions``, once it has begun."""

    def __init__(
        self,
        coordination: Coordination,
        group: str,
        partitions: Sequence[str],
        holder: Holder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._group = coordination, group
        self._partitions, self._holder, self._clock = partitions, holder, clock
        self._name = uuid.uuid4().hex
        self._held: set[str] = set()
        self._until = -math.inf  # by the clock: till then nobody else holds what we hold
        self._watch: asyncio.TimerHandle | None = None
        self._advanced: dict[str, int] = {}
        self._noted_all = clock()
        self._advance_timer: asyncio.TimerHandle | None = None
        self._advancing: asyncio.Task[None] | None = None
        self._store_away = False
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._run())

    @property
    def living(self) -> bool:
        return self._clock() < self._until

    @property
    def store_away(self) -> bool:
        """Whether the session store did not answer when it was last asked."""
        return self._store_away

    def look(self) -> bool:
        """Whether what is held is ours still; if not, it is given up."""
        if self.living:
            return True
        if self._held:
            log.warning("partitions_lost", group=self._group, partitions=len(self._held))
            self._lose(list(self._held))
        return False

    def moved(self) -> None:
        """A position may have changed: it is noted within a second."""
        if self._advance_timer is None:
            self._advance_timer = self._loop.call_later(_ADVANCE_S, self._advance_soon)

    def abandon(self) -> None:
        """The partitions are no more: give them up without a word."""
        self._end()
        self._lose(list(self._held))

    async def aclose(self, positions: Mapping[str, int]) -> None:
        """Note the last positions, and leave."""
        self._end()
        self._held.clear()
        ending = [each for each in (self._task, self._advancing) if each is not None]
        await asyncio.gather(*ending, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                if positions:
                    await self._store.advance(self._group, positions)
                await self._store.leave(self._group, self._name)
        except (TwicetoldError, TimeoutError) as error:
            # What it held is free once its time has run out, and read again from a second before.
            log.warning("group_left_unheard", group=self._group, error=str(error))

    # --- beats -----------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            hungry = False
            try:
                hungry = await self.round()
                self._tell(None)
            except TwicetoldError as error:
                self._tell(error)
            except Exception:
                log.exception("membership_failed", group=self._group)
            await asyncio.sleep(_HUNGRY_BEAT_S if hungry else _BEAT_S)

    async def round(self) -> bool:
        """One beat, and what follows from it. Gives whether there is less to hold than our share.
        Raises what the store does."""
        if not self._holder.able():
            await self._rest()
            return False
        members = await self._beat(())
        if not members:
            return True
        self._note_all_in_time()
        share = share_of(self._name, members, len(self._partitions))
        if len(self._held) > share:
            await self._hand_over(by_preference(self._name, self._held)[share:])
            return False
        return await self._fill(share)

    async def _fill(self, share: int) -> bool:
        """Ask for what is missing, no more of it at once than that."""
        others = by_preference(self._name, set(self._partitions) - self._held)
        while others and (room := share - len(self._held)) > 0:
            await self._beat(others[:room])
            others = others[room:]
        return len(self._held) < share

    async def _beat(self, more: Collection[str]) -> list[str]:
        """Go on holding what is held, and ``more`` of what is free. Gives who lives; nobody where
        the answer came so late that it says nothing any more."""
        begun = self._clock()
        members, holds = await self._store.beat(
            self._group, self._name, _TTL_S, [*self._held, *more]
        )
        self.look()  # what ran out meanwhile may have been another's
        if begun + _TTL_S <= self._clock():
            return []
        self._lose([each for each in self._held if each not in holds])
        self._live_until(begun + _TTL_S)
        await self._gain([each for each in holds if each not in self._held])
        return members

    async def _gain(self, gained: Collection[str]) -> None:
        if not gained:
            return
        positions = await self._store.positions(self._group)
        if self.look():
            for partition in gained:
                self._held.add(partition)
                self._holder.gained(partition, positions.get(partition))

    async def _hand_over(self, partitions: Collection[str]) -> None:
        """In order: whoever reads on finds the positions."""
        found = self._holder.positions()
        self._lose(partitions)
        if positions := {p: found[p] for p in partitions if p in found}:
            await self._store.advance(self._group, positions)
        await self._store.yield_up(self._group, self._name, partitions)

    async def _rest(self) -> None:
        if self._until > -math.inf:
            await self._hand_over(list(self._held))
            self._until = -math.inf
            await self._store.leave(self._group, self._name)

    def _lose(self, partitions: Collection[str]) -> None:
        for partition in partitions:
            self._held.discard(partition)
            self._advanced.pop(partition, None)
            self._holder.lost(partition)

    def _live_until(self, until: float) -> None:
        self._until = until
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_later(until - self._clock() + _TICK_S, self.look)

    def _tell(self, error: TwicetoldError | None) -> None:
        """Once for each time that the store is away."""
        away = error is not None
        if away and not self._store_away:
            log.warning("coordination_unavailable", group=self._group, error=str(error))
        elif self._store_away and not away:
            log.info("coordination_available_again", group=self._group)
        self._store_away = away

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for timer in (self._watch, self._advance_timer):
            if timer is not None:
                timer.cancel()

    # --- positions -------------------------------------------------------------------

    def _note_all_in_time(self) -> None:
        """Once in a while, what did not move as well: a store that was emptied is to know it, or
        whoever comes next would read from the beginning."""
        if self._clock() - self._noted_all >= _NOTE_ALL_S:
            self._noted_all = self._clock()
            self._advanced.clear()
            self.moved()

    def _advance_soon(self) -> None:
        self._advance_timer = None
        if self._advancing is not None:
            self.moved()
            return
        self._advancing = asyncio.create_task(self._advance())

    async def _advance(self) -> None:
        positions = self._holder.positions()
        changed = {n: p for n, p in positions.items() if self._advanced.get(n) != p}
        try:
            if changed:
                await self._store.advance(self._group, changed)
                self._advanced.update(changed)
        except TwicetoldError as error:
            self._tell(error)
            self.moved()
        finally:
            self._advancing = None
