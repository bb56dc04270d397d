"""What Redis does in one step, in Lua. Fields are text; times are microseconds of its clock.

A call is one hash: its fields, ``lease_until``, and ``final:N`` for each final. The set of
unfinished calls is changed in the same step, so the two never disagree; scripts touch both
keys, which a cluster would lay on different machines. ``op`` names the last change: one that is
sent again, because its answer was lost, is not taken for a rival's.
"""

from __future__ import annotations

_NOW = """
local function now_us()
  local now = redis.call('TIME')
  return now[1] * 1000000 + now[2]
end
local function lease_from_now(us)
  return string.format('%.0f', now_us() + tonumber(us))
end
"""

# KEYS: the call, the unfinished calls. ARGV: op, member, lease, 1 if unfinished, field, value, …
CREATE = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'op') == ARGV[1] and 1 or 0
end
redis.call('HSET', KEYS[1], 'op', ARGV[1], 'lease_until', lease_from_now(ARGV[3]), unpack(ARGV, 5))
if ARGV[4] == '1' then redis.call('SADD', KEYS[2], ARGV[2]) end
return 1
"""
)

# KEYS as above. ARGV: op, member, lease or '', last final to forget or '', how many values are
# compared, field, value, …, then those that change. Gives 1, 0 where one differs, -1 without
# a record.
SWAP = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if redis.call('HGET', KEYS[1], 'op') == ARGV[1] then return 1 end
local compared = 5 + 2 * tonumber(ARGV[5])
for at = 6, compared, 2 do
  if redis.call('HGET', KEYS[1], ARGV[at]) ~= ARGV[at + 1] then return 0 end
end
redis.call('HSET', KEYS[1], 'op', ARGV[1])
local finishes = false
for at = compared + 1, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  finishes = finishes or ARGV[at] == 'state' or ARGV[at] == 'recorded'
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'lease_until', lease_from_now(ARGV[3])) end
if ARGV[4] ~= '' then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local event = tonumber(string.match(field, '^final:(%d+)$'))
    if event and event <= tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], field) end
  end
end
if finishes then
  local stands = redis.call('HMGET', KEYS[1], 'state', 'recorded')
  local done = stands[1] == 'closed' and stands[2] == '1'
  redis.call(done and 'SREM' or 'SADD', KEYS[2], ARGV[2])
end
return 1
"""
)

# KEYS: the call. 1 while a lease on it runs.
LEASED = (
    _NOW
    + """
local lease = redis.call('HGET', KEYS[1], 'lease_until')
return lease and tonumber(lease) > now_us() and 1 or 0
"""
)
