#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

-- presence
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns worker, presence (MessagePack), worker, presence, …; '' for one that is larger than 1 MiB
local reply = {}
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'workers', '(' .. number(now), '+inf')) do
  local presence = call('MGET', P .. 'worker:' .. worker)[1]
  if presence then
    reply[#reply + 1] = worker
    reply[#reply + 1] = #presence <= 1048576 and presence or ''
  end
end
return reply
