#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

-- pause
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the task's name
-- ARGV[3] -> '1' to let slots pass without a call, '' to fire those from now on
-- Returns nothing.
local task = ARGV[2]
local S = P .. 'schedules'
call('HSETNX', S, task, number(math.floor(now)))
if ARGV[3] == '1' then
  call('HSET', S, task .. ' paused', '1')
elseif call('HDEL', S, task .. ' paused') == 1 then
  call('HSET', S, task, number(math.floor(now)))
end
