"""Who lives, who holds which partition and how far groups are, in Redis: a script for each step.

A member is a field of a hash, with the time until which it lives; so is a partition, with its
holder. Times are microseconds of the server's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from twicetold.sessions.redis_link import Command, Link, Script

_TIMES = """#!lua flags=allow-oom
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local function holder(partition)
  local held = redis.call('HGET', KEYS[2], partition)
  if not held then return nil, 0 end
  local until_us, member = string.match(held, '^(%d+) (.*)$')
  return member, tonumber(until_us)
end
"""

# KEYS: members, holders. ARGV: member, microseconds, partition, … Gives who lives, and what the
# member holds of these.
_BEAT = Script(
    _TIMES
    + """
local until_us = string.format('%.0f', now + ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], until_us)
local living, all = {}, redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if tonumber(all[at + 1]) > now then
    living[#living + 1] = all[at]
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
local holds = {}
for at = 3, #ARGV do
  local member, held_until = holder(ARGV[at])
  if member == ARGV[1] or held_until <= now then
    redis.call('HSET', KEYS[2], ARGV[at], until_us .. ' ' .. ARGV[1])
    holds[#holds + 1] = ARGV[at]
  end
end
return {living, holds}
"""
)

# KEYS: members, holders. ARGV: member, partition, …
_YIELD_UP = Script(
    _TIMES
    + """
for at = 2, #ARGV do
  if holder(ARGV[at]) == ARGV[1] then redis.call('HDEL', KEYS[2], ARGV[at]) end
end
return 1
"""
)

# KEYS: members, holders. ARGV: member.
_LEAVE = Script(
    _TIMES
    + """
redis.call('HDEL', KEYS[1], ARGV[1])
for _, partition in ipairs(redis.call('HKEYS', KEYS[2])) do
  if holder(partition) == ARGV[1] then redis.call('HDEL', KEYS[2], partition) end
end
return 1
"""
)

# KEYS: positions. ARGV: partition, position, …
_ADVANCE = Script(
    """#!lua flags=allow-oom
for at = 1, #ARGV, 2 do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  if not before or tonumber(before) < tonumber(ARGV[at + 1]) then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  end
end
return 1
"""
)


class RedisCoordination:
    """What a broker without groups of its own keeps here, under keys that begin with ``prefix``.
    Every step may be repeated, and is where an answer was lost. Raises Unavailable."""

    def __init__(self, link: Link, prefix: str) -> None:
        self._link, self._prefix = link, prefix

    async def beat(
        self, group: str, member: str, ttl_s: float, wanted: Collection[str]
    ) -> tuple[list[str], set[str]]:
        """The member lives, and holds what it wants of what is free, for ``ttl_s`` from now.
        Returns who lives, sorted, and what it holds of ``wanted``."""
        args: Command = (member, round(ttl_s * 1_000_000), *wanted)
        living, holds = await self._link.run(_BEAT, self._keys(group), args)
        return sorted(living), set(holds)

    async def yield_up(self, group: str, member: str, partitions: Collection[str]) -> None:
        """Let go of partitions that the member holds."""
        if partitions:
            await self._link.run(_YIELD_UP, self._keys(group), (member, *partitions))

    async def leave(self, group: str, member: str) -> None:
        """The member is gone, and holds nothing."""
        await self._link.run(_LEAVE, self._keys(group), (member,))

    async def positions(self, group: str) -> dict[str, int]:
        """Per partition, the position as ``advance`` left it."""
        found = await self._link.ask(("HGETALL", self._positions(group)))
        return {
            partition: int(position)
            for partition, position in zip(found[::2], found[1::2], strict=True)
        }

    async def advance(self, group: str, positions: Mapping[str, int]) -> None:
        """Move positions up; one that is lower than what is stored changes nothing."""
        flat: list[str | int] = [word for item in positions.items() for word in item]
        if flat:
            await self._link.run(_ADVANCE, (self._positions(group),), flat)

    def _keys(self, group: str) -> tuple[str, str]:
        return f"{self._prefix}:group:{group}:members", f"{self._prefix}:group:{group}:holders"

    def _positions(self, group: str) -> str:
        return f"{self._prefix}:group:{group}:positions"
