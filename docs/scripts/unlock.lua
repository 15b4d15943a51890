#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local NS = sub(P, 1, string.find(P, ':{', 1, true) - 1)

-- A string and a binary as MessagePack has them, in the forms that have room for all that there are.
local function str(text) return '\218' .. struct.pack('>H', #text) .. text end
local function bin(bytes) return '\198' .. struct.pack('>I4', #bytes) .. bytes end

-- Whether the owner of a lock, '<fence> <number> <id>', is still at work: a call while its fence holds it; without a lease
-- (fence 0), for a time after it has asked.
local function stands(owner)
  local fence, id = string.match(owner, '^(%d+) %d+ (.*)$')
  if not fence then return false end
  if fence == '0' then return call('EXISTS', P .. 'alive:' .. id) == 1 end
  local held = call('ZSCORE', LEASES, id)
  return held and tonumber(held) == tonumber(fence)
end

-- The first of those in line for a lock who stands. Who doesn't loses its place.
local function first_of(turns)
  while true do
    local first = call('ZRANGE', turns, 0, 0)[1]
    if not first or stands(first) then return first end
    call('ZREM', turns, first)
  end
end

-- Tells an owner in line that a lock is free.
local function wake(owner)
  local fence, id = string.match(owner, '^(%d+) %d+ (.*)$')
  local channel = NS .. ':worker:' .. sub(P, #NS + 3, -3)
  call('PUBLISH', channel, '\147\3' .. str(id) .. '\203' .. struct.pack('>d', tonumber(fence)))
end

-- unlock
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the lock's name
-- ARGV[3], ARGV[4], ARGV[5] -> id, fence and number of its owner, as it was locked
-- Returns nothing.
local owner = ARGV[4] .. ' ' .. ARGV[5] .. ' ' .. ARGV[3]
local lock, line = P .. 'lock:' .. ARGV[2], P .. 'lock-line:' .. ARGV[2]
call('ZREM', line, owner)
local holder = string.match(call('GET', lock) or '', '^%d+ (.*)$')
if holder == owner then
  call('DEL', lock)
elseif holder and stands(holder) then
  return
end
local first = first_of(line)
if first then wake(first) end
