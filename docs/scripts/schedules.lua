#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

-- schedules
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns now (ms), and then a task, its last slot (ms), its next one (ms) or '', the id of its last call or '', and '1'
-- if it is paused or '', task, …
local S = P .. 'schedules'
local found, reply = {}, { number(now) }
local flat = call('HGETALL', S)
for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
for task, last in pairs(found) do
  if not string.find(task, ' ', 1, true) then
    local at = #reply
    reply[at + 1], reply[at + 2], reply[at + 3] = task, last, found[task .. ' next'] or ''
    reply[at + 4], reply[at + 5] = found[task .. ' call'] or '', found[task .. ' paused'] or ''
  end
end
return reply
