#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function number(n) return string.format('%.17g', n) end

local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end

-- parked
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> how many at the most, 1 to 1,000
-- ARGV[3] -> '' to begin with the one that was parked last, or where an earlier page ended
-- Returns where this page ends ('' if it is the last one), and then id, when it was parked (ms), record, id, …
-- A page ends early after 4 MiB, and where it has dropped 1,000 ids whose records are gone.
local most = tonumber(ARGV[2])
local from, after = string.match(ARGV[3], '^(%S+) (.+)$')
from = from or '+inf'

-- Redis sorts members by their bytes. Lua's own comparison is that of the server's language.
local function is_below(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - 604800000--[[LONG]]))
local page, gone, bytes, at = { '' }, {}, 0, 0
repeat
  local members = call('ZRANGE', P .. 'parked', from, '-inf', 'BYSCORE', 'REV', 'LIMIT', at, 100, 'WITHSCORES')
  at = at + 100
  for i = 1, #members, 2 do
    local id, since = members[i], members[i + 1]
    -- Calls that are parked in one step have one time: few enough to be passed by.
    if not after or since ~= from or is_below(id, after) then
      if #page > 3 * most or #gone == 1000 or bytes > 524288 then
        page[1] = page.last
        break
      end
      local r = call('GET', RESULT .. id)
      if r and has_header(r) and byte(r, 7--[[STATE]]) == 8--[[PARKED]] then
        local size = #page
        page[size + 1], page[size + 2], page[size + 3] = id, since, r
        bytes = bytes + #r
      else
        gone[#gone + 1] = id
      end
      page.last = since .. ' ' .. id
    end
  end
until #members < 200 or page[1] ~= ''
if #gone > 0 then call('ZREM', P .. 'parked', unpack(gone)) end
return page
