import { script } from "./script.ts";

/** Stores new calls and puts their ids into their lists. */
export const submitScript = script(
  "submit",
  "refusable",
  String.raw`
-- submit
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> '' or a delay for each call, ms, with commas between them
-- ARGV[3] -> '' or how many calls may wait in the queue, delayed ones included
-- ARGV[4] -> packed: id, record, id, record, … of at most 1,000 calls; a deadline in a record's header is still a duration
-- ARGV[5] -> packed: ids whose replies have been received: their records go. Not to be sent again.
-- ARGV[6] -> '' or Redis's time when this was sent, at the latest, ms: delays and deadlines begin then. It may be missing: they begin now
-- Returns what is out of the ordinary, index (from 0), kind, record, index, kind, record, …
--   'conflict'  the id belongs to another call
--   'ended'     it is the same call, and has ended with this record
--   'plain'     it is a call of the plain level, a request, of which nobody knows whether it is the same
--   'full'      so many calls wait already that it was not stored
--   'late'      its deadline was past, by ARGV[6], when it came: it was not stored
--   'failed'    its list could not be written, for this reason: it was not stored
-- All others are accepted, now or by an earlier sending.

-- Forgets what has been received and has ended. Parked calls are kept for whoever looks after them, and so are those that
-- were run again: what was received is what they had ended with before.
local received, at = ARGV[5], 1
while at <= #received do
  local keys, over, found = {}, {}, nil
  while at <= #received and #keys < 64 do
    local id
    id, at = unpack_one('>I4c0', received, at)
    keys[#keys + 1] = RESULT .. id
  end
  -- Many records at a time are cheaper, but not if they are large.
  if #keys > 4 and call('STRLEN', keys[1]) <= 8192 then found = call('MGET', unpack(keys)) end
  for i = 1, #keys do
    local r
    if found then r = found[i] else r = call('GETRANGE', keys[i], 0, 44) end
    if r and has_header(r) then
      local state, high, low = byte(r, STATE), byte(r, GENERATION, GENERATION + 1)
      if state >= 4 and state < PARKED and high + low == 0 then over[#over + 1] = keys[i] end
    end
  end
  if #over > 0 then call('DEL', unpack(over)) end
end

local exceptions = {}
@rarely report, again, delay, waiting, made_room, publish, happened
local function report(i, kind, r)
  local at = #exceptions
  exceptions[at + 1], exceptions[at + 2], exceptions[at + 3] = i, kind, r
end
-- An id that is known: the same call sent again, or another client's wish for it, or another call.
local function again(i, id, r)
  local old = look_up(id)
  if not has_header(old) then
    report(i, has_ended(old) and 'ended' or 'plain', old)
  elseif has_header(r) and sub(old, PRINT, PRINT + 7) ~= sub(r, PRINT, PRINT + 7) then
    report(i, 'conflict', '')
  elseif has_ended(old) then
    report(i, 'ended', old)
  elseif has_header(r) then
    add_waiter(id, old, to_of(r))
  end
end
-- How many calls wait. Some that have ended may be among them.
local function waiting()
  local length = call('LLEN', P .. 'queue') + call('LLEN', P .. 'queue:high') + call('LLEN', P .. 'queue:low')
    + call('LLEN', P .. 'queue:nested')
  for _, task in ipairs(call('SMEMBERS', P .. 'asides')) do length = length + count_aside(task) end
  return length + call('ZCARD', P .. 'delayed') + (call('GET', P .. 'blocked') or 0)
end
-- For how many more calls there is room without those that have ended: no worker may be there to drop them. Of long lists
-- a part is looked at, the next one the next time; and where nothing was found, not again for a while.
local function made_room()
  local MENDING, before = P .. 'mending', waiting()
  local last = tonumber(call('HGET', MENDING, 'nothing over') or '')
  if last and last <= now and now < last + 100 then return 0 end
  end_late(500)
  for _, task in ipairs(call('SRANDMEMBER', P .. 'asides', 20)) do tidy_aside(task, 100) end
  sift_all(500)
  local room = before - waiting()
  if room > 0 then
    call('HDEL', MENDING, 'nothing over')
  else
    call('HSET', MENDING, 'nothing over', number(now))
    call('PEXPIRE', MENDING, 60000)
  end
  return room
end
@end
local rare

-- When delays and deadlines begin.
local since = math.min(tonumber(ARGV[6] or '') or now, now)
local delays, room = {}, math.huge
if ARGV[2] ~= '' or ARGV[3] ~= '' then
  rare = rarely()
  if ARGV[3] ~= '' then room = ARGV[3] - rare.waiting() end
  for text in string.gmatch(ARGV[2], '[^,]+') do delays[#delays + 1] = text - (now - since) end
end

local normal, NESTED, lists = P .. 'queue', P .. 'queue:nested', {}
-- Calls of one batch mostly have the same header: as it comes → as it is stored, or false for none; and the list of such calls.
local headers, lists_of = {}, {}
-- Headers whose deadline is past, and the numbers of calls that have one of them; mostly there are none.
local late_headers, lates
-- Ids; in which list each belongs; keys and records, as MSETNX takes them; and the headers of large records, by their number.
local ids, places, entries, patches, n = {}, {}, {}, {}, 0
-- Whether they can be stored in one step, if they are new: all go into one list, that of the last one, and no id comes twice.
local at_once, place = ARGV[2] == '' and ARGV[3] == '' and not HEARD, nil
local given_calls, from = ARGV[4], 1
while from <= #given_calls do
  local id, size
  id, size, from = unpack_one('>I4c0I4', given_calls, from)
  local to = from + size
  local given = size >= 45 and sub(given_calls, from, from + 44) or ''
  local header = headers[given]
  if header == nil then
    header, lists_of[given] = false, normal
    if has_header(given) then
      header = given
      local after = struct.unpack('>d', header, DEADLINE)
      if after > 0 then
        header = sub(header, 1, DEADLINE - 1) .. struct.pack('>d', since + after) .. sub(header, DEADLINE + 8)
        if since + after <= now then
          late_headers = late_headers or {}
          late_headers[given] = true
        end
      end
      local state, _, flags = byte(header, STATE, FLAGS)
      if state ~= QUEUED then header = sub(header, 1, STATE - 1) .. string.char(QUEUED) .. sub(header, STATE + 1) end
      if flags >= 16 then lists_of[given] = list_of(header) end
    end
    headers[given] = header
  end
  n = n + 1
  if late_headers and late_headers[given] then
    lates, at_once = lates or {}, false
    lates[n] = true
  end
  if header and delays[n] and delays[n] > 0 then header = sub(header, 1, STATE - 1) .. string.char(DELAYED) .. sub(header, STATE + 1) end
  local r
  if not header or header == given then
    r = sub(given_calls, from, to - 1)
  elseif size > 8192 then
    -- Of a large record, a copy costs more than a command.
    r, patches[n], at_once = sub(given_calls, from, to - 1), header, false
  else
    r = header .. sub(given_calls, from + 45, to - 1)
  end
  from = to
  local list = lists_of[given]
  -- Of one that comes twice the first is stored.
  if places[id] or place ~= list and place then at_once = false end
  ids[n], places[id], place = id, places[id] or list, list
  entries[2 * n - 1], entries[2 * n] = RESULT .. id, r
end
if from > #given_calls + 1 then return redis.error_reply('ERR the last record is cut off') end

if at_once and n > 0 and call('MSETNX', unpack(entries)) == 1 then
  lists[place] = ids
else
  -- The list that the last one went to, what is new in it, and how many these are.
  local last, new, size, is_full
  for i = 1, n do
    local id, key, r, held = ids[i], entries[2 * i - 1], entries[2 * i], delays[i] or 0
    if room <= 0 and not is_full then
      -- A key of a wrong type is for the claim to tell.
      local done, more = pcall(rare.made_room)
      room, is_full = room + (done and more or 0), true
    end
    -- One that is known needs no room.
    local is_late = lates and lates[i] and call('EXISTS', key) == 0
    local stored = not is_late and (room > 0 or call('EXISTS', key) == 1) and call('SETNX', key, r)
    if is_late then
      rare = rare or rarely()
      rare.report(i - 1, 'late', '')
    elseif not stored then
      rare.report(i - 1, 'full', '')
    elseif stored == 0 then
      rare = rare or rarely()
      rare.again(i - 1, id, r)
    else
      if patches[i] then call('SETRANGE', key, 0, patches[i]) end
      room = room - 1
      if held > 0 then
        rare.delay(id, now + held)
      else
        local list = places[id]
        if list ~= last then
          last, new = list, lists[list] or {}
          lists[list], size = new, #new
        end
        size = size + 1
        new[size] = id
      end
      if HEARD then
        rare = rare or rarely()
        rare.happened(held > 0 and 'delayed' or 'queued', id, r, 0, '', '')
      end
    end
  end
end
local fault, failed
for list, new in pairs(lists) do
  local push = 'RPUSH'
  if list == NESTED then
    -- To the head, in their order: what is begun is to end before more is.
    push = 'LPUSH'
    for i = 1, math.floor(#new / 2) do new[i], new[#new + 1 - i] = new[#new + 1 - i], new[i] end
  end
  local pushed = redis.pcall(push, list, unpack(new))
  if type(pushed) == 'table' then
    -- A key of a wrong type. A record without its id in a list would wait for ever, and be taken for accepted if it is
    -- sent again.
    fault, failed = pushed, failed or {}
    for _, id in ipairs(new) do
      call('DEL', RESULT .. id)
      failed[id] = true
    end
    lists[list] = nil
  end
end
if fault then
  rare = rare or rarely()
  local count = 0
  for i = 1, n do
    if failed[ids[i]] then
      count = count + 1
      rare.report(i - 1, 'failed', fault.err)
    end
  end
  if count == n then return fault end
end
if next(lists) then ring() end
if lists[NESTED] and call('RPUSH', P .. 'bell:nested', '1') > 1 then call('LPOP', P .. 'bell:nested') end
if rare then rare.publish() end
return exceptions
`,
  { bulky: true },
);
