#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local NS = sub(P, 1, string.find(P, ':{', 1, true) - 1)

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

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

-- lock
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the lock's name
-- ARGV[3] -> id of the call that wants it; of one that runs without a lease, an id of its own
-- ARGV[4] -> fence of its claim; 0 for one without a lease
-- ARGV[5] -> a number that tells apart what one attempt wants
-- ARGV[6] -> how long it is kept at the most, ms: longer than the attempt may run
-- ARGV[7] -> '1' to wait in line if it is not free, '' to not
-- ARGV[8] -> for how long one without a lease stands from now, ms
-- Returns the lock's fence, larger than any before, if it is the owner's now or was before; '' if it is not free or
-- others come first; nil if the fence no longer holds the call.
local id, of = ARGV[3], ARGV[4]
local owner = of .. ' ' .. ARGV[5] .. ' ' .. id
local lock, line = P .. 'lock:' .. ARGV[2], P .. 'lock-line:' .. ARGV[2]
if of == '0' then
  call('SET', P .. 'alive:' .. id, '', 'PX', ARGV[8])
elseif not stands(owner) then
  return false
end

local before, holder = string.match(call('GET', lock) or '', '^(%d+) (.*)$')
if holder == owner then return before end
local first
if not holder or not stands(holder) then
  first = first_of(line)
  if not first or first == owner then
    local fence, fault

  -- As text, which is far cheaper than to print a number of so many digits.
  fence = TIME[1] .. sub('00000' .. TIME[2], -6)
  local last = redis.pcall('SET', P .. 'fence', fence, 'GET')
  if not last then
    -- A member of more than 64 bytes makes Redis keep leases in a tree from the first one on: the form that it has for
    -- small sets takes several times as long.
    redis.pcall('ZADD', LEASES, 0, string.rep('\0', 65))
  elseif type(last) == 'table' then
    fault = last
  else
    -- What is no number, or more than fences can be, was not written by a script.
    last = tonumber(last) or 0
    if last >= tonumber(fence) and last < 9007199254740991 then
      fence = string.format('%.0f', last + 1)
      call('SET', P .. 'fence', fence)
    end
  end
    if fault then return fault end
    call('SET', lock, fence .. ' ' .. owner, 'PX', ARGV[6])
    call('ZREM', line, owner)
    return fence
  end
end
if ARGV[7] == '1' then
  call('ZADD', line, 'NX', number(now), owner)
  -- Those who wait ask again at intervals; what nobody asks for any more goes.
  call('PEXPIRE', line, 60000)
end
-- It is free, but its holder has died: who is first in line can't have heard of it.
if first then wake(first) end
return ''
