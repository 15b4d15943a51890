#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end

-- How many calls are put aside for a task. Those that have ended stay in its list for a while, and are not in its order;
-- those that a worker of before there was an order took are not in its list.
local function count_aside(task)
  return math.min(call('LLEN', P .. 'aside:' .. task), call('ZCARD', P .. 'put-aside:' .. task))
end

-- census
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns now (ms); how many wait in queue:high, queue, queue:low and queue:nested, in lines, aside, and among the suspects;
-- how many are among the delayed, of how many of them it was looked what they are, how many of these are delayed and how
-- many retrying; how many run; how many are parked; '*' if the queue is paused, or ''; the ids that have waited longest in the
-- lists; and the tasks with calls put aside.
local aside, tasks = 0, call('SMEMBERS', P .. 'asides')
for _, task in ipairs(tasks) do aside = aside + count_aside(task) end
local some = call('ZRANDMEMBER', P .. 'delayed', 100)
local delayed, retrying = 0, 0
for _, id in ipairs(some) do
  -- What begins with a zero byte is a gate.
  local r = byte(id) ~= 0 and call('GETRANGE', RESULT .. id, 0, 44)
  if r and has_header(r) then
    if byte(r, 7--[[STATE]]) == 3--[[RETRYING]] then retrying = retrying + 1 else delayed = delayed + 1 end
  end
end
call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - 604800000--[[LONG]]))
-- For each claim there is one who made it among its leases, and for the first of all one that no claim made.
local guard = call('ZSCORE', LEASES, string.rep('\0', 65)) and 1 or 0
local running = math.max(0, call('ZCARD', LEASES) - call('ZCARD', P .. 'expiry') - guard)
local oldest = {}
for list, at in pairs({ ['queue:high'] = 0, queue = 0, ['queue:low'] = 0, ['queue:nested'] = -1, suspects = 0 }) do
  oldest[#oldest + 1] = call('LINDEX', P .. list, at) or nil
end
local function length(list) return call('LLEN', P .. list) end
return { number(now), length('queue:high'), length('queue'), length('queue:low'), length('queue:nested'),
  tonumber(call('GET', P .. 'blocked') or 0), aside, length('suspects'), call('ZCARD', P .. 'delayed'), #some, delayed, retrying,
  running, call('ZCARD', P .. 'parked'), call('HEXISTS', P .. 'paused', '*') == 1 and '*' or '', oldest, tasks }
