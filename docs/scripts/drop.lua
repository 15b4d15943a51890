#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

-- drop
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns 1 if no call waits or runs in the queue, and its keys are gone, or go with its parked calls; 0 if nothing was done.
local guard = call('ZSCORE', LEASES, string.rep('\0', 65)) and 1 or 0
if call('ZCARD', LEASES) - call('ZCARD', P .. 'expiry') > guard then return 0 end
if tonumber(call('GET', P .. 'blocked') or 0) > 0 then return 0 end
for _, key in ipairs({ 'queue', 'queue:high', 'queue:low', 'queue:nested', 'suspects', 'delayed', 'asides', 'schedules' }) do
  if call('EXISTS', P .. key) == 1 then return 0 end
end
call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - 604800000--[[LONG]]))
local parked = call('EXISTS', P .. 'parked') == 1
-- A parked call may be replayed, with a fence larger than any before.
for _, key in ipairs({ 'parked', 'fence', 'leases' }) do
  if parked then call('PEXPIRE', P .. key, 604800000--[[LONG]]) else call('DEL', P .. key) end
end
call('DEL', P .. 'bell', P .. 'bell:nested', P .. 'expiry', P .. 'suspected', P .. 'excused', P .. 'workers', P .. 'paused',
  P .. 'blocked', P .. 'lanes', P .. 'deadlines')
return 1
