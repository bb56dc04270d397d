"""What Redis does in one step, in Lua. Fields are text; times are microseconds of its clock.

A call is one hash: its fields, ``lease_until``, and ``final:N`` for each final. The unfinished
calls are a sorted set, by the end of their lease (closed ones last), changed in the same step, so
the two never disagree. ``allow-oom``: a full server takes no new call, but those that run go on
and may be forgotten, which is what frees it.
"""

from __future__ import annotations

_NOW = """
local function now_us()
  local now = redis.call('TIME')
  return now[1] * 1000000 + now[2]
end
local function text(us) return string.format('%.0f', us) end
"""

_SET = """
local function set(key, values, first)
  for at = first, #values, 1000 do  -- what unpack can lay on the stack is bounded
    redis.call('HSET', key, unpack(values, at, math.min(at + 999, #values)))
  end
end
local function list(calls, member, state, lease_until)
  redis.call('ZADD', calls, state == 'closed' and '+inf' or lease_until, member)
end
"""

# KEYS: the call, the unfinished calls. ARGV: 1 if it is tried again, token hash, member, lease,
# state, recorded, then field, value, … Gives 1, or 0 where the call exists: not one of ours.
CREATE = f"""#!lua
{_NOW}{_SET}
if redis.call('EXISTS', KEYS[1]) == 1 then
  local ours = ARGV[1] == '1' and redis.call('HGET', KEYS[1], 'token_hash') == ARGV[2]
  return ours and 1 or 0
end
local lease_until = text(now_us() + ARGV[4])
set(KEYS[1], ARGV, 7)
redis.call('HSET', KEYS[1], 'lease_until', lease_until)
if ARGV[5] ~= 'closed' or ARGV[6] ~= '1' then list(KEYS[2], ARGV[3], ARGV[5], lease_until) end
return 1
"""

# KEYS as above. ARGV: when its writer gives up, member, lease or '', last final to forget or '',
# how many values are compared, field, value, …, then those that change. Gives the time, and 1,
# 0 where a value differs, -1 without a record, -2 where it came too late and nothing was changed.
# What is left of a finished call is written anew, which lets Redis pack it.
SWAP = f"""#!lua flags=allow-oom
{_NOW}{_SET}
local now = now_us()
if now > tonumber(ARGV[1]) then return {{now, -2}} end
if redis.call('EXISTS', KEYS[1]) == 0 then return {{now, -1}} end
local compared = 5 + 2 * tonumber(ARGV[5])
for at = 6, compared, 2 do
  if redis.call('HGET', KEYS[1], ARGV[at]) ~= ARGV[at + 1] then return {{now, 0}} end
end
local moves = ARGV[3] ~= '' or ARGV[4] ~= ''
for at = compared + 1, #ARGV, 2 do
  moves = moves or ARGV[at] == 'state' or ARGV[at] == 'recorded'
end
set(KEYS[1], ARGV, compared + 1)
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'lease_until', text(now + ARGV[3])) end
if ARGV[4] ~= '' then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local event = tonumber(string.match(field, '^final:(%d+)$'))
    if event and event <= tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], field) end
  end
end
if not moves then return {{now, 1}} end
local stands = redis.call('HMGET', KEYS[1], 'state', 'recorded', 'lease_until')
if stands[1] ~= 'closed' or stands[2] ~= '1' then
  list(KEYS[2], ARGV[2], stands[1], stands[3])
  return {{now, 1}}
end
redis.call('ZREM', KEYS[2], ARGV[2])
local left = redis.call('HGETALL', KEYS[1])
for at = 1, #left, 2 do
  if string.sub(left[at], 1, 6) == 'final:' then return {{now, 1}} end
end
redis.call('DEL', KEYS[1])
set(KEYS[1], left, 1)
return {{now, 1}}
"""

# KEYS: the call. 1 while a lease on it runs.
LEASED = f"""#!lua flags=no-writes
{_NOW}
local lease = redis.call('HGET', KEYS[1], 'lease_until')
return lease and tonumber(lease) > now_us() and 1 or 0
"""

# KEYS: the unfinished calls. ARGV: microseconds. Gives the time that long ago, and whose lease
# had run out by then.
SWEEP = f"""#!lua flags=no-writes
{_NOW}
local latest = text(now_us() - ARGV[1])
return {{latest, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest)}}
"""

# KEYS: the call, the unfinished calls. ARGV: member.
REMOVE = """#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""

# KEYS: a key to try, whose database this is. ARGV: a value, an installation or ''. Gives the value
# as it was read, and the installation.
TRY = """#!lua
redis.call('SET', KEYS[1], ARGV[1])
local read = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'NX') end
return {read, redis.call('GET', KEYS[2]) or ''}
"""
