#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

-- listen
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> for how long, ms
-- Returns for how long yet some may not know of it, ms: who knows that nobody listens looks again after a second.
local key = P .. 'listeners'
local since = call('GET', key) or number(now)
call('SET', key, since, 'PX', math.max(ARGV[2], call('PTTL', key)))
return math.ceil(math.max(0, since + 1000 - now))
