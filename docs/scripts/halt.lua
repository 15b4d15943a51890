#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

-- Wakes one worker. One token is enough for whoever comes.
local function ring()
  if call('RPUSH', P .. 'bell', '1') > 1 then call('LPOP', P .. 'bell') end
end

-- The same of one who waits for nested calls alone.
local function ring_nested()
  if call('RPUSH', P .. 'bell:nested', '1') > 1 then call('LPOP', P .. 'bell:nested') end
end

-- halt
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the task's name, or '*' for the queue
-- ARGV[3] -> '1' to let no more of its calls be claimed, '0' to go on, '' to change nothing
-- Returns the names of what is paused.
if ARGV[3] == '1' then
  call('HSET', P .. 'paused', ARGV[2], '1')
elseif ARGV[3] == '0' and call('HDEL', P .. 'paused', ARGV[2]) == 1 then
  ring()
  ring_nested()
end
local flat, names = call('HGETALL', P .. 'paused'), {}
for i = 1, #flat, 2 do names[#names + 1] = flat[i] end
return names
