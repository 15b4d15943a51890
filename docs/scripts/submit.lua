#!lua

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

-- What is packed: strings, each after its length in four bytes.
local unpack_one = struct.unpack

local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end

local function flagged(r, flag) return bit.band(byte(r, 9--[[FLAGS]]), flag) ~= 0 end

local function deadline_of(r) return (struct.unpack('>d', r, 22--[[DEADLINE]])) end

-- The list that a call waits in, by the priority in its flags.
local function list_of(r)
  local priority = bit.band(byte(r, 9--[[FLAGS]]), 48)
  return priority == 0 and P .. 'queue' or priority == 16 and P .. 'queue:high'
    or priority == 32 and P .. 'queue:low' or P .. 'queue:nested'
end

-- Wakes one worker. One token is enough for whoever comes.
local function ring()
  if call('RPUSH', P .. 'bell', '1') > 1 then call('LPOP', P .. 'bell') end
end

-- Whether somebody listens to what happens in this queue: asked only where the second key is given.
local HEARD = KEYS[2] and call('EXISTS', KEYS[2]) == 1

-- Whether a handler may have begun with it.
local function has_begun(r)
  local deaths, flags, high, low, _, _, marks = byte(r, 8--[[DEATHS]], 14--[[MARKS]])
  return deaths + high + low > 0 or flags % 128--[[LIMITED]] >= 64--[[SUSPECT]] or marks < 63--[[FENCED]] and marks % (2 * 1--[[BEGUN]]) >= 1--[[BEGUN]]
end

-- Whether an open call that no worker has is to end by its deadline: an awaited call's bounds all of it, any other's
-- the wait for its start.
local function is_late(r)
  local deadline = deadline_of(r)
  return deadline > 0 and deadline <= now and (flagged(r, 1--[[AWAITED]]) or not has_begun(r))
end

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
      local state, high, low = byte(r, 7--[[STATE]]), byte(r, 12--[[GENERATION]], 12--[[GENERATION]] + 1)
      if state >= 4 and state < 8--[[PARKED]] and high + low == 0 then over[#over + 1] = keys[i] end
    end
  end
  if #over > 0 then call('DEL', unpack(over)) end
end

local exceptions = {}
local function rarely()

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local NS = sub(P, 1, string.find(P, ':{', 1, true) - 1)

local function number(n) return string.format('%.17g', n) end

local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end

local function flagged(r, flag) return bit.band(byte(r, 9--[[FLAGS]]), flag) ~= 0 end

local function deadline_of(r) return (struct.unpack('>d', r, 22--[[DEADLINE]])) end

-- The list that a call waits in, by the priority in its flags.
local function list_of(r)
  local priority = bit.band(byte(r, 9--[[FLAGS]]), 48)
  return priority == 0 and P .. 'queue' or priority == 16 and P .. 'queue:high'
    or priority == 32 and P .. 'queue:low' or P .. 'queue:nested'
end

-- Whether a record without a header is a reply of the plain level: a map that begins with 'value' or 'error'.
local function is_plain_reply(r)
  local first = byte(r, 1) == 222 and sub(r, 4, 9) or sub(r, 2, 7)
  return first == '\165value' or first == '\165error'
end

-- Whether a record says that its call has ended. One in a state that does not exist is for a worker to park.
local function has_ended(r)
  if not has_header(r) then return is_plain_reply(r) end
  local state = byte(r, 7--[[STATE]])
  return state >= 4 and state <= 8--[[PARKED]]
end

-- The client that a record with a header names: after it, the string 'to' and a short string.
local function to_of(r)
  local kind, t, o, head = byte(r, 46--[[TO]], 46--[[TO]] + 3)
  if kind == 162 and t == 116 and o == 111 and head and head > 160 and head < 192 then
    return sub(r, 46--[[TO]] + 4, 46--[[TO]] + head - 157)
  end
end

-- A string and a binary as MessagePack has them, in the forms that have room for all that there are.
local function str(text) return '\218' .. struct.pack('>H', #text) .. text end
local function bin(bytes) return '\198' .. struct.pack('>I4', #bytes) .. bytes end

-- Messages: for each client one, a list of strings.
local messages = {}
-- Tells clients all that they are to be told.
local function tell_all()
  for client, message in pairs(messages) do call('PUBLISH', NS .. ':client:' .. client, table.concat(message)) end
end

-- Tells a client an item, an array of three: its kind, an id, and a binary; nil for none.
local function tell(client, kind, id, bytes)
  local message = messages[client] or {}
  messages[client] = message
  message[#message + 1] = '\147' .. kind .. str(id) .. (bytes and bin(bytes) or '\192')
end

-- Tells an item to all who wait for a call with a header: the client that asked, and those that asked for it later.
local function tell_waiting(id, r, kind, bytes)
  local to = to_of(r)
  if to then tell(to, kind, id, bytes) end
  if byte(r, 9--[[FLAGS]]) % (2 * 4--[[WAITERS]]) >= 4--[[WAITERS]] then
    -- Of a key of a wrong type, nobody is told: they look.
    for _, client in ipairs(redis.pcall('SMEMBERS', P .. 'waiters:' .. id)) do
      if client ~= to then tell(client, kind, id, bytes) end
    end
  end
end

-- Lets a client be told, too, of what becomes of an open call. Its looks go on should it be forgotten.
local function add_waiter(id, r, client)
  if not client or client == '' or client == to_of(r) then return end
  if type(redis.pcall('SADD', P .. 'waiters:' .. id, client)) == 'table' then return end
  call('PEXPIRE', P .. 'waiters:' .. id, 604800000--[[LONG]])
  local flags = string.char(bit.bor(byte(r, 9--[[FLAGS]]), 4--[[WAITERS]]))
  call('SETRANGE', RESULT .. id, 9--[[FLAGS]] - 1, flags)
end

-- Wakes one worker. One token is enough for whoever comes.
local function ring()
  if call('RPUSH', P .. 'bell', '1') > 1 then call('LPOP', P .. 'bell') end
end

-- Puts an id among the delayed. If it is now the first one due, it wakes a worker, who may wait longer than that.
local function delay(id, due)
  local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
  call('ZADD', P .. 'delayed', number(due), id)
  if not first[2] or due < tonumber(first[2]) then ring() end
end

-- Has an open call that stands in no list by priority end by its deadline: reap looks for those that are late.
local function bounded(id, r)
  local deadline = has_header(r) and deadline_of(r) or 0
  if deadline > 0 then call('ZADD', P .. 'deadlines', number(deadline), id) end
end

local lanes_made
local function lanes()
  if lanes_made then return lanes_made end
  local L, LANES = {}, P .. 'lanes'

  -- The task of a record with a header; nil where it does not stand behind the header and the client.
  function L.task_of(r)
    local to = to_of(r)
    local at = to and 46--[[TO]] + 4 + #to or 46--[[TO]]
    local head, length = byte(r, at + 5, at + 6)
    if not length or sub(r, at, at + 4) ~= '\164task' then return nil end
    if head == 217 then
      at = at + 1
    else
      length = head - 160
    end
    local task = sub(r, at + 6, at + 5 + length)
    if length > 0 and #task == length and (head == 217 or length < 32) then return task end
  end

  -- A limited call's lane, its gates, and its task; nil where the record hides the task.
  function L.of(r)
    local task = L.task_of(r)
    if not task then return nil end
    local slots, starts = struct.unpack('>I4I4', r, 38--[[KEYS_AT]])
    slots, starts = string.format(':%08x', slots), string.format(':%08x', starts)
    return task .. slots .. starts, 'slots:' .. task .. slots, 'starts:' .. task .. starts, task
  end

  -- Takes a call out of its lane's line. Returns whether it was there.
  function L.leave(lane, id)
    if call('ZREM', P .. 'line:' .. lane, id) == 0 then return false end
    call('DECR', P .. 'blocked')
    redis.pcall('ZREM', P .. 'deadlines', id)
    return true
  end

  -- A call's place in a line, if it comes now, and that before which nobody of its kind stands: nested calls are before
  -- all suspects, those before all others. Of these, what is of high priority has waited an hour longer, and of low
  -- one an hour less. µs
  function L.place(r)
    local flags, time = byte(r, 9--[[FLAGS]]), call('TIME')
    local priority, place = bit.band(flags, 48), (time[1] * 1000 + ARGV[1]) * 1000 + time[2]
    if flags % 128--[[LIMITED]] >= 64--[[SUSPECT]] then return place - 4e15, '-4e15' end
    if priority == 48 then return place - 8e15, '-inf' end
    return place - (priority == 16 and 3.6e9 or priority == 32 and -3.6e9 or 0), '0'
  end

  -- Who can take a call of this kind: 3 all claims, 2 those that take more than nested calls, 1 who may try suspects.
  local function reach_of(r)
    local flags = byte(r, 9--[[FLAGS]])
    return flags % 128--[[LIMITED]] >= 64--[[SUSPECT]] and 1 or bit.band(flags, 48) == 48 and 3 or 2
  end

  function L.first_nested(lane) return call('ZRANGE', P .. 'line:' .. lane, '-inf', '-4e15', 'BYSCORE', 'LIMIT', 0, 1)[1] end

  -- The first one of a lane that waits for nobody who may try a suspect.
  function L.first_for_all(lane)
    return L.first_nested(lane) or call('ZRANGE', P .. 'line:' .. lane, '0', '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
  end

  -- Lets the first call of a lane go to the head of its list, to be judged by the next claim. A suspect may have to wait
  -- there until somebody may try it: the first of the others goes, too. Returns who can take any of them, 0 if there is none.
  function L.invite(lane)
    local line, from, reach = P .. 'line:' .. lane, '-inf', 0
    while true do
      local id = call('ZRANGE', line, from, '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
      if not id then
        if reach == 0 then call('HDEL', LANES, lane) end
        return reach
      end
      local r = call('GETRANGE', RESULT .. id, 0, 44)
      if has_header(r) and byte(r, 7--[[STATE]]) < 4 and byte(r, 9--[[FLAGS]]) >= 128--[[LIMITED]] then
        call('HSET', LANES, lane, call('TIME')[1])
        if byte(r, 9--[[FLAGS]]) % 128--[[LIMITED]] < 64--[[SUSPECT]] then
          call('LPUSH', list_of(r), id)
          ring()
          if list_of(r) == P .. 'queue:nested' and call('RPUSH', P .. 'bell:nested', '1') > 1 then
            call('LPOP', P .. 'bell:nested')
          end
          return reach_of(r)
        end
        if not call('LPOS', P .. 'suspects', id) then
          call('LPUSH', P .. 'suspects', id)
          ring()
        end
        reach, from = 1, '0'
      else
        L.leave(lane, id)
      end
    end
  end

  -- Invites the first lane that waits at a gate. What has nested calls no more waits as all others do: where all slots are
  -- lent, nobody could take what it has. And no lane waits for suspects to be tried. Returns whether there was one.
  function L.pass(gate)
    local turns, passed = P .. 'turns:' .. gate, false
    while true do
      local lane = call('LPOP', turns)
      if not lane then return passed end
      local as_nested = byte(lane) == 0
      if as_nested then lane = sub(lane, 2) end
      if call('HGET', LANES, lane) == gate then
        if as_nested and not L.first_nested(lane) then
          call('RPUSH', turns, lane)
        else
          local reach = L.invite(lane)
          -- A nested one's record may have been lost meanwhile.
          if reach > (as_nested and 2 or 1) then return true end
          passed = passed or reach > 0
        end
      end
    end
  end

  local function free(id, r)
    local lane, slots, starts = L.of(r)
    if not lane then return end
    local had_slot = call('SREM', P .. slots, id) == 1
    local waits = call('HGET', LANES, lane)
    -- One that was invited and comes no more leaves its turn to the next; and, where some who could have taken it can't
    -- take that one, to the next lane, too.
    local gone = waits and L.leave(lane, id) and tonumber(waits) and L.invite(lane) < reach_of(r)
    if had_slot or gone then L.pass(slots) end
    if gone then L.pass(starts) end
  end

  -- A call is with no worker any more, or has ended: its slot is free, and it waits in no line. A key of a wrong type, which
  -- the next claim tells of, is not to keep it from that, nor its neighbours.
  function L.freed(id, r) pcall(free, id, r) end

  -- A call is given back unrun: its slot is free, and it comes first in its lane's line, if there is one. Returns whether
  -- it waits there alone: a nested one is judged by the next claim, as one before which suspects alone were let go on.
  function L.given_back(id, r)
    local lane, slots = L.of(r)
    if not lane then return false end
    local had_slot, waits = call('SREM', P .. slots, id) == 1, call('HGET', LANES, lane)
    local to_line = waits and bit.band(byte(r, 9--[[FLAGS]]), 48) ~= 48
    if waits then
      if to_line and tonumber(waits) and reach_of(r) > 1 then to_line = L.first_for_all(lane) end
      local place, from = L.place(r)
      local first = call('ZRANGE', P .. 'line:' .. lane, from, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
      place = math.min(place, (first or place) - 1)
      if call('ZADD', P .. 'line:' .. lane, number(place), id) == 1 then
        call('INCR', P .. 'blocked')
        bounded(id, r)
      end
    end
    if had_slot then L.pass(slots) end
    return to_line
  end

  lanes_made = L
  return L
end

-- Keeps what has happened to a call, or a worker, for those who listen; with nothing, tells them of all that was kept.
-- begun: how many attempts have begun. bytes: '' or a record or value, left out if it is large.
local happenings, happenings_size
local function happened(kind, id, r, begun, worker, bytes)
  if kind then
    local task, time = has_header(r) and lanes().task_of(r) or '', call('TIME')
    local at = struct.pack('>d', time[1] * 1000 + time[2] / 1000 + ARGV[1])
    local some = #bytes > 0 and #bytes <= 8192 and bin(bytes) or '\192'
    happenings = happenings or {}
    happenings[#happenings + 1] = '\152\4' .. str(kind) .. str(id) .. str(task) .. '\203' .. at
      .. '\203' .. struct.pack('>d', begun) .. str(worker) .. some
    happenings_size = (happenings_size or 0) + #bytes
  end
  if happenings and (not kind or happenings_size > 1048576) then
    call('PUBLISH', NS .. ':events:' .. sub(P, #NS + 3, -3), table.concat(happenings))
    happenings, happenings_size = nil, 0
  end
end

-- Tells clients, and those who listen, all that they are to be told.
local function publish()
  tell_all()
  if HEARD then happened() end
end

-- What the end of a call is called, by its state.
local function ending_of(state)
  return state == 4 and 'succeeded' or state == 6 and 'canceled' or state == 7 and 'expired' or state == 8 and 'parked'
    or 'failed'
end

-- A suspect has left its worker: the next one can be tried.
local function cleared(id)
  call('HDEL', P .. 'suspected', id)
  if call('EXISTS', P .. 'suspects') == 1 then ring() end
end

-- How much the messages of this step hold. A reply that is large is not in them, nor one more when they are: it is to be read.
local told = 0

-- After a call has ended, with its last record before that, which has a header: those who wait are told, and its traces go.
local function ended(id, before, r)
  local fits = #r <= 8192 and told <= 1048576
  if fits then told = told + #r end
  tell_waiting(id, before, '\0', fits and r or nil)
  if HEARD then
    local state = byte(r, 7--[[STATE]])
    local shown = (state == 5 or state == 8--[[PARKED]]) and r or ''
    happened(ending_of(state), id, before, (struct.unpack('>H', r, 10--[[ATTEMPT]])), '', shown)
  end
  local deaths, flags, high, low = byte(before, 8--[[DEATHS]], 10--[[ATTEMPT]] + 1)
  if deaths + high + low > 0 and byte(r, 7--[[STATE]]) ~= 8--[[PARKED]] then call('DEL', P .. 'failures:' .. id) end
  if flags % 16 >= 4--[[WAITERS]] then call('DEL', P .. 'waiters:' .. id, P .. 'progress:' .. id) end
  if flags >= 64--[[SUSPECT]] then
    if flags >= 128--[[LIMITED]] then lanes().freed(id, before) end
    if flags % 128--[[LIMITED]] >= 64--[[SUSPECT]] then cleared(id) end
  end
end

-- How long a record is kept at the least after its call has ended, ms: until its deadline it may be submitted again, and
-- would run once more. A foreign deadline may be any number, or none.
local function kept_for(least, before)
  return math.max(least, math.min(math.ceil(deadline_of(before) - now), 31536000000000))
end

-- The name under which a call is put aside: its task, or, of a newer protocol, that; nil where its record hides the task.
local function aside_name(r)
  local version = byte(r, 6--[[VERSION]])
  return version > 1 and '@protocol-' .. version or lanes().task_of(r)
end

-- Forgets that a call is put aside or stands in a line. A key of a wrong type is for others to tell of.
local function not_held(id, r)
  redis.pcall('ZREM', P .. 'deadlines', id)
  local task = aside_name(r)
  if task then redis.pcall('ZREM', P .. 'put-aside:' .. task, id) end
end

-- Puts a call in its order among those that are put aside for a task: by priority, as the ranges of a claim have it, and
-- then by time.
local ranked = 0
local function rank_aside(id, r, task)
  local priority, place = has_header(r) and bit.band(byte(r, 9--[[FLAGS]]), 48) or 0, math.floor(now * 1000) + ranked
  ranked = ranked + 1
  if priority > 0 then place = place + (priority == 48 and -8e15 or priority == 16 and -4e15 or 4e15) end
  call('ZADD', P .. 'put-aside:' .. task, 'NX', number(place), id)
  call('PEXPIRE', P .. 'put-aside:' .. task, 604800000--[[LONG]])
  bounded(id, r)
end

-- How many calls are put aside for a task. Those that have ended stay in its list for a while, and are not in its order;
-- those that a worker of before there was an order took are not in its list.
local function count_aside(task)
  return math.min(call('LLEN', P .. 'aside:' .. task), call('ZCARD', P .. 'put-aside:' .. task))
end

-- Ends a call without a worker's word: what is left is its header, and 'more' entries besides. Returns its record.
local function conclude(id, r, state, more)
  local head = sub(r, 2, 6) .. string.char(state) .. sub(r, 8, 45)
  local last = more and '\130' .. head .. more or '\129' .. head
  call('SET', RESULT .. id, last, 'PX', kept_for(flagged(r, 1--[[AWAITED]]) and 60000 or 3600000, r))
  local before = byte(r, 7--[[STATE]])
  if before == 1--[[DELAYED]] or before == 3--[[RETRYING]] then call('ZREM', P .. 'delayed', id) end
  not_held(id, r)
  ended(id, r, last)
  return last
end

-- Whether a handler may have begun with it.
local function has_begun(r)
  local deaths, flags, high, low, _, _, marks = byte(r, 8--[[DEATHS]], 14--[[MARKS]])
  return deaths + high + low > 0 or flags % 128--[[LIMITED]] >= 64--[[SUSPECT]] or marks < 63--[[FENCED]] and marks % (2 * 1--[[BEGUN]]) >= 1--[[BEGUN]]
end

-- Whether an open call that no worker has is to end by its deadline: an awaited call's bounds all of it, any other's
-- the wait for its start.
local function is_late(r)
  local deadline = deadline_of(r)
  return deadline > 0 and deadline <= now and (flagged(r, 1--[[AWAITED]]) or not has_begun(r))
end

-- Whether nothing is left of a call that waits: it has ended, or is unknown, or ends now as its deadline is past.
local function is_over(id)
  local r = call('GETRANGE', RESULT .. id, 0, 511)
  if r == '' or has_ended(r) then return true end
  if not has_header(r) or not is_late(r) or call('ZSCORE', LEASES, id) then return false end
  conclude(id, r, 7--[[EXPIRED]])
  return true
end

-- Ends calls past their deadlines that are put aside or stand in a line, where no claim may ever come by. Returns how many
-- it looked at.
local function end_late(most)
  local late = call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', number(now), 'LIMIT', 0, most)
  for _, id in ipairs(late) do pcall(is_over, id) end
  if #late > 0 then call('ZREM', P .. 'deadlines', unpack(late)) end
  return #late
end

-- Looks at the first ids in the list of a task for which calls are put aside: those of calls that have ended, or are
-- elsewhere by now, leave it, the others go to its end, and those that have no place in the task's order get one. Returns
-- whether it is worth while to go on.
local function tidy_aside(task, most)
  local list, order = P .. 'aside:' .. task, P .. 'put-aside:' .. task
  local ids, stay = call('LRANGE', list, 0, most - 1), {}
  if #ids > 0 then
    local fences, places = call('ZMSCORE', LEASES, unpack(ids)), call('ZMSCORE', order, unpack(ids))
    for i, id in ipairs(ids) do
      -- One that can't be judged, as a key of a wrong type is in its way, stays.
      local done, over = pcall(is_over, id)
      local here = not fences[i] and not (done and over)
      if here and done and not places[i] then
        local r = call('GETRANGE', RESULT .. id, 0, 511)
        here = not has_header(r) or byte(r, 7--[[STATE]]) == 0--[[QUEUED]]
        if here then rank_aside(id, r, task) end
      end
      if here then
        stay[#stay + 1] = id
      elseif places[i] then
        call('ZREM', order, id)
      end
    end
    if #stay > 0 then call('RPUSH', list, unpack(stay)) end
    call('LTRIM', list, #ids, -1)
  end
  local length = call('LLEN', list)
  if length == 0 then
    call('DEL', order)
    call('SREM', P .. 'asides', task)
  end
  return #stay < #ids and length > 64 + 1.5 * call('ZCARD', order)
end

-- Looks at the next ids in a list from which nobody claims, or in 'delayed': those of calls that have ended leave it.
-- A user without the right to LSET and LREM only loses those at the head.
local function sift(name, most)
  local key, cursor, is_list = P .. name, 'sifted ' .. name, name ~= 'delayed'
  local from = tonumber(call('HGET', P .. 'mending', cursor) or 0)
  local range = is_list and 'LRANGE' or 'ZRANGE'
  local ids = call(range, key, from, from + most - 1)
  local length, gone, over, first = is_list and call('LLEN', key), {}, 0, 0
  for i, id in ipairs(ids) do
    local done, is_gone = pcall(is_over, id)
    -- What begins with a zero byte is a gate.
    gone[i] = byte(id) ~= 0 and done and is_gone
  end
  -- Before all stand now those whom their ends let go on, who waited for a limit.
  local moved = is_list and call('LLEN', key) - length
  for i, id in ipairs(ids) do
    if gone[i] and not is_list then
      over = over + call('ZREM', key, id)
    elseif gone[i] and moved == 0 and from == 0 and first == i - 1 then
      first, over = i, over + 1
    elseif gone[i] and call('LINDEX', key, from + moved + i - 1) == id then
      if not redis.pcall('LSET', key, from + moved + i - 1, '').err then over = over + 1 end
    end
  end
  if first > 0 then call('LTRIM', key, first, -1) end
  if over > first and is_list then redis.pcall('LREM', key, 0, '') end
  if #ids == most then
    call('HSET', P .. 'mending', cursor, from + #ids - over)
    call('PEXPIRE', P .. 'mending', 60000)
  elseif from > 0 then
    call('HDEL', P .. 'mending', cursor)
  end
end

-- Looks at some of all that waits by priority, for its time, or to be tried.
local function sift_all(most)
  for _, name in ipairs({ 'queue', 'queue:high', 'queue:low', 'queue:nested', 'suspects', 'delayed' }) do sift(name, most) end
end

-- The record of a call as it stands now: past its deadline it ends with the first look at it.
-- Returns the record, and its fence while a worker has it; false for one that is unknown.
local function look_up(id)
  -- A key of a wrong type is no record, and no reason to find none of the others.
  local r = call('MGET', RESULT .. id)[1]
  if not r or has_ended(r) then return r end
  local fence = call('ZSCORE', LEASES, id)
  if not has_header(r) then return r, fence end
  if not fence and is_late(r) then r = conclude(id, r, 7--[[EXPIRED]]) end
  return r, fence
end
local function report(i, kind, r)
  local at = #exceptions
  exceptions[at + 1], exceptions[at + 2], exceptions[at + 3] = i, kind, r
end
-- An id that is known: the same call sent again, or another client's wish for it, or another call.
local function again(i, id, r)
  local old = look_up(id)
  if not has_header(old) then
    report(i, has_ended(old) and 'ended' or 'plain', old)
  elseif has_header(r) and sub(old, 30--[[PRINT]], 30--[[PRINT]] + 7) ~= sub(r, 30--[[PRINT]], 30--[[PRINT]] + 7) then
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
return { report = report, again = again, delay = delay, waiting = waiting, made_room = made_room, publish = publish, happened = happened }
end
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
      local after = struct.unpack('>d', header, 22--[[DEADLINE]])
      if after > 0 then
        header = sub(header, 1, 22--[[DEADLINE]] - 1) .. struct.pack('>d', since + after) .. sub(header, 22--[[DEADLINE]] + 8)
        if since + after <= now then
          late_headers = late_headers or {}
          late_headers[given] = true
        end
      end
      local state, _, flags = byte(header, 7--[[STATE]], 9--[[FLAGS]])
      if state ~= 0--[[QUEUED]] then header = sub(header, 1, 7--[[STATE]] - 1) .. string.char(0--[[QUEUED]]) .. sub(header, 7--[[STATE]] + 1) end
      if flags >= 16 then lists_of[given] = list_of(header) end
    end
    headers[given] = header
  end
  n = n + 1
  if late_headers and late_headers[given] then
    lates, at_once = lates or {}, false
    lates[n] = true
  end
  if header and delays[n] and delays[n] > 0 then header = sub(header, 1, 7--[[STATE]] - 1) .. string.char(1--[[DELAYED]]) .. sub(header, 7--[[STATE]] + 1) end
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
