import { script } from "./script.ts";

/** Ends calls that wait, and forgets parked ones: a step of it. */
export const purgeScript = script(
  "purge",
  "allow-oom",
  String.raw`
-- purge
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> where: a list ('queue', 'suspects', 'aside:math.addition', …), 'lines', 'delayed', 'retrying' or 'parked'
-- ARGV[3] -> where the step before has ended, or '0'
-- ARGV[4] -> '' for all calls, or how long ago they must have been made, or parked, ms
-- Returns how many calls were ended or forgotten, at most 100, and where the next step is to begin; '' after the last one.
local where, from, ended_now = ARGV[2], ARGV[3], 0

-- The first seven characters of ids that Taskpact has made tell when: 64 digits, in the order of their codes.
local digits = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'
local function is_old(id)
  if ARGV[4] == '' then return true end
  if #id ~= 17 or string.find(id, '[^%w_-]') then return false end
  local made = 0
  for i = 1, 7 do made = made * 64 + string.find(digits, sub(id, i, i), 1, true) - 1 end
  return made <= now - ARGV[4]
end

-- Ends a call that waits. Returns whether its place is free: it has ended, or is somewhere else.
local function purged(id, state)
  local r = call('GET', RESULT .. id)
  if not r or has_ended(r) or call('ZSCORE', LEASES, id) then return true end
  if not has_header(r) then r = adopted(id, r) end
  if not has_header(r) then return false end
  local elsewhere = call('ZSCORE', P .. 'delayed', id)
  if not state and elsewhere then return true end
  if state and byte(r, STATE) ~= state or not is_old(id) then return false end
  conclude(id, r, CANCELED)
  ended_now = ended_now + 1
  return true
end

local next = ''
if where == 'parked' then
  local latest = ARGV[4] == '' and '+inf' or number(now - ARGV[4])
  local ids = call('ZRANGE', P .. 'parked', '-inf', latest, 'BYSCORE', 'LIMIT', 0, 100)
  for _, id in ipairs(ids) do
    local r = call('GETRANGE', RESULT .. id, 0, 44)
    if has_header(r) and byte(r, STATE) == PARKED then
      call('DEL', RESULT .. id, P .. 'failures:' .. id)
      ended_now = ended_now + 1
    end
  end
  if #ids > 0 then call('ZREM', P .. 'parked', unpack(ids)) end
  if #ids == 100 then next = '0' end
elseif where == 'lines' then
  -- A step ends within a line, which the next one goes on with: '<cursor> <how many of it stay> <lane>'.
  local cursor, stay, lane = string.match(from, '^(%d+) ?(%d*) ?(.*)$')
  local scan, looked = call('HSCAN', P .. 'lanes', cursor, 'COUNT', 5), 0
  local begun = call('HEXISTS', P .. 'lanes', lane) == 0
  next = scan[1] ~= '0' and scan[1] or ''
  for i = 1, #scan[2], 2 do
    local name = scan[2][i]
    local line, at = P .. 'line:' .. name, name == lane and tonumber(stay) or 0
    begun = begun or name == lane
    local ids = begun and call('ZRANGE', line, at, at + 99 - looked) or {}
    for _, id in ipairs(ids) do
      purged(id)
      if call('ZSCORE', line, id) then at = at + 1 end
    end
    looked = looked + #ids
    if looked == 100 then
      next = cursor .. ' ' .. at .. ' ' .. name
      break
    end
  end
elseif where == 'delayed' or where == 'retrying' then
  local ids, kept = call('ZRANGE', P .. 'delayed', from, from + 99), 0
  for _, id in ipairs(ids) do
    if byte(id) == 0 or not purged(id, where == 'delayed' and DELAYED or RETRYING) then kept = kept + 1 end
  end
  if #ids == 100 then next = tostring(from + kept) end
else
  -- Those at the head leave the list; others stay in it as ghosts.
  local ids, kept, first = call('LRANGE', P .. where, from, from + 99), 0, 0
  local length = call('LLEN', P .. where)
  for _, id in ipairs(ids) do
    if not purged(id) then
      kept = kept + 1
    elseif kept == 0 and from == '0' then
      first = first + 1
    end
  end
  -- Before them stand now those whom their ends let go on, who waited for a limit.
  if call('LLEN', P .. where) > length then first = 0 end
  if first > 0 then call('LTRIM', P .. where, first, -1) end
  if sub(where, 1, 6) == 'aside:' then tidy_aside(sub(where, 7), 100) end
  if #ids == 100 then next = tostring(from + #ids - first) end
end
publish()
return { ended_now, next }
`,
);
