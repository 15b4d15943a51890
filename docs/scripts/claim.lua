#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end

-- Wakes one worker. One token is enough for whoever comes.
local function ring()
  if call('RPUSH', P .. 'bell', '1') > 1 then call('LPOP', P .. 'bell') end
end

-- Whether somebody listens to what happens in this queue: asked only where the second key is given.
local HEARD = KEYS[2] and call('EXISTS', KEYS[2]) == 1

-- claim
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> worker's id
-- ARGV[3] -> how many calls at the most, 1 to 1,000; or 0, with ARGV[9], to give back what that claim leased
-- ARGV[4] -> lease, ms
-- ARGV[5] -> '' or how many suspects, calls whose worker died before, may be among them; with a '+' before if the worker runs
--            some already. One that is not marked to run beside others is given alone, and to a worker that runs none
-- ARGV[6] -> the list to begin with: 'queue', 'queue:high' or 'queue:low'
-- ARGV[7] -> the tasks that the worker implements, each between blanks: ' math.addition math.division '
-- ARGV[8] -> a token of this claim, its worker's own, without blanks
-- ARGV[9] -> '' or the token of an earlier claim whose reply was lost: if it leased calls, they are given again
-- ARGV[10] -> '1' if of the lists only 'queue:nested' may be popped; may be missing, if nothing follows
-- ARGV[11] -> '' or the largest record that may be given, bytes; may be missing, if nothing follows
-- ARGV[12 ..] -> of each limited task that the worker implements: its name, how many may run or 0, how many may start or 0,
--                and in which time, ms
-- Returns fence, now (ms), ms until the next delayed call is due or -1, what is left (0: nothing, 1: calls,
-- 2: suspects alone), how many suspects there are, and packed: id, record, id, record, … The suspects come first.
local worker, limit = ARGV[2], tonumber(ARGV[3])
local ids, records, count, bytes = {}, {}, 0, 0
-- Ids that may still be dropped: those of calls that have ended stay in their lists as ghosts, and are not to make
-- this step long, however many they are.
local spare = 500
local suspects, empty, due, left = 0, true, -1, 0
-- Whether a suspect that is to run alone was met, so that no more are taken; and whether it waits for those that the worker runs.
local lone, barred = false, false
-- A key of a wrong type, for one. What was popped until then is not to be lost.
local fault
-- The tasks that are paused, by name, if any are; whether limits were asked.
local paused, judged = nil, false
local nested_only = ARGV[10] == '1'
local largest = tonumber(ARGV[11]) or math.huge
-- 48 while nested calls alone may be taken.
local least = 0
-- The tasks that the worker implements of which calls are put aside, if there are any.
local asides

local function rarely()

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local NS = sub(P, 1, string.find(P, ':{', 1, true) - 1)

local function number(n) return string.format('%.17g', n) end

local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end

local function flagged(r, flag) return bit.band(byte(r, 9--[[FLAGS]]), flag) ~= 0 end

-- The marks of an open record.
local function marks_of(r)
  local marks = byte(r, 14--[[MARKS]])
  return marks < 63--[[FENCED]] and marks or 0
end

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

-- Takes a request of the plain level over: it gets a header, and does not expire while it is open.
-- Returns the record; as it was, if it is no map that has room for a header.
local function adopted(id, r)
  local kind, high, low = byte(r, 1, 3)
  local entries, rest
  if kind and kind >= 128 and kind < 143 then
    entries, rest = kind - 128, 2
  elseif kind == 222 and high == 0 and low and low < 15 then
    entries, rest = low, 4
  else
    return r
  end
  r = string.char(129 + entries) .. '\161h\196(\1' .. string.rep('\0', 39) .. sub(r, rest)
  call('SET', RESULT .. id, r)
  return r
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

-- Of some claims, a set by their fences, forgets those of which no call is left.
local function close_claims(fences)
  for fence in pairs(fences) do
    if call('ZCOUNT', LEASES, fence, fence) == 1 then
      call('ZREMRANGEBYSCORE', LEASES, fence, fence)
      call('ZREM', P .. 'expiry', fence)
    end
  end
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

-- Puts an open call aside for a worker that implements its task.
local function put_aside(id, r, task)
  call('RPUSH', P .. 'aside:' .. task, id)
  call('SADD', P .. 'asides', task)
  rank_aside(id, r, task)
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

-- The limits that the worker tells, by task; a task of which it tells none has none.
local told = {}
for i = 12, #ARGV, 4 do
  told[ARGV[i]] = { most = tonumber(ARGV[i + 1]), starts = tonumber(ARGV[i + 2]), per = tonumber(ARGV[i + 3]) }
end
local untold, lined_up, begun = { most = 0, starts = 0 }, 0, {}

-- How long until a gate of starts is open, ms: until the window that begins with the last but (limit - 1) start is over.
local function closed_for(starts, own)
  local first = own.starts > 0 and call('LINDEX', P .. starts, -own.starts)
  return first and math.max(0, first + own.per - now) or 0
end

-- Whether all slots are taken. One of a call that no worker has, as its record was lost, may be found by looking at any;
-- a beat looks at all, while somebody waits for them.
local function is_full(slots, own)
  if own.most == 0 or call('SCARD', P .. slots) < own.most then return false end
  local any = call('SRANDMEMBER', P .. slots)
  if begun[any] or call('ZSCORE', LEASES, any) then return true end
  call('SREM', P .. slots, any)
  return call('SCARD', P .. slots) >= own.most
end

-- Puts a call into its lane's line, behind those that came before it.
local function line_up(lane, id, r)
  local place = lanes().place(r) + lined_up
  lined_up = lined_up + 1
  if call('ZADD', P .. 'line:' .. lane, 'NX', number(place), id) == 1 then
    call('INCR', P .. 'blocked')
    bounded(id, r)
  end
end

-- A lane waits until a gate opens: those with nested calls before all others.
local function wait_at(gate, lane)
  local turns = P .. 'turns:' .. gate
  if lanes().first_nested(lane) then call('LPUSH', turns, '\0' .. lane) else call('RPUSH', turns, lane) end
  call('HSET', P .. 'lanes', lane, gate)
end
local function open_at(starts, due)
  if call('EXISTS', P .. 'turns:' .. starts) == 1 then delay('\0' .. starts, due) end
end

-- What is still free of a lane's limits goes to those who wait for it.
local function hand_on(slots, starts, own)
  local L = lanes()
  if not is_full(slots, own) then L.pass(slots) end
  if own.starts == 0 then
    L.pass(starts)
    return
  end
  local closed = closed_for(starts, own)
  if closed == 0 then L.pass(starts) end
  open_at(starts, now + (closed > 0 and closed or 1000))
end

-- Whether a limited call may start. If so, it has; else it waits in its lane's line.
local function may_start(id, r)
  local L = lanes()
  local lane, slots, starts, task = L.of(r)
  if not lane then return true end
  -- A ghost: it stands in its list twice, and runs.
  if begun[id] or call('ZSCORE', LEASES, id) then return false end
  judged = true
  local own, waits = told[task] or untold, call('HGET', P .. 'lanes', lane)
  if waits then
    local is_new, invited = not call('ZSCORE', P .. 'line:' .. lane, id), tonumber(waits)
    if is_new then line_up(lane, id, r) end
    local first = call('ZRANGE', P .. 'line:' .. lane, 0, 0)[1] == id
    -- No other one is to wait for a suspect, which may wait until somebody tries it.
    if is_new and invited and not first then first = L.first_for_all(lane) == id end
    -- A nested one is not to wait for those that were let go on before it, of its lane or of others: they may need a slot
    -- which is not lent.
    if not first or bit.band(byte(r, 9--[[FLAGS]]), 48) ~= 48 then
      if not is_new then
        -- A second invitation.
        if not invited then return false end
      elseif not invited or not first then
        -- What its lane waits for may have been lost, with a record or a key that others have taken away. A beat finds
        -- that, too, but not at once.
        if waits == slots and not is_full(slots, own) or waits == starts and closed_for(starts, own) == 0 then
          if not L.pass(waits) then L.invite(lane) end
        end
        return false
      end
    end
  end

  local closed = closed_for(starts, own)
  if closed > 0 or is_full(slots, own) then
    if not waits then line_up(lane, id, r) end
    wait_at(closed > 0 and starts or slots, lane)
    hand_on(slots, starts, own)
    return false
  end
  begun[id] = true -- It has its lease with the end of this step.
  if own.most > 0 then call('SADD', P .. slots, id) end
  if own.starts > 0 then
    call('RPUSH', P .. starts, number(now))
    call('LTRIM', P .. starts, -own.starts, -1)
    call('PEXPIRE', P .. starts, math.ceil(own.per))
  end
  if waits then
    L.leave(lane, id)
    -- The next of the lane waits behind other lanes.
    if call('EXISTS', P .. 'line:' .. lane) == 0 then
      call('HDEL', P .. 'lanes', lane)
    elseif own.most > 0 or own.starts > 0 then
      wait_at(own.starts > 0 and starts or slots, lane)
    else
      L.invite(lane)
    end
    hand_on(slots, starts, own)
  end
  return true
end

-- Whether a call's task is paused: it is then put aside, for a worker to find when the task goes on.
local function is_held(id, r)
  local task = has_header(r) and lanes().task_of(r)
  if not task or not paused[task] then return false end
  put_aside(id, r, task)
  return true
end

-- What is paused: tasks by their names, '*' for the queue.
local function look_for_pauses()
  local flat = call('HGETALL', P .. 'paused')
  if #flat == 0 then return end
  paused = {}
  for i = 1, #flat, 2 do paused[flat[i]] = true end
end

-- The calls of the claim whose reply was lost: they are not to wait until their lease lapses, nor to be blamed for it.
-- Those that are too many by now go back to the head of their lists.
local function given_before()
  local fence = call('ZSCORE', LEASES, '\0' .. worker .. ' ' .. ARGV[9])
  if not fence then return nil end
  call('ZADD', P .. 'expiry', 'XX', number(now + ARGV[4]), fence)
  local blamed_ones, others, members = {}, {}, call('ZRANGEBYSCORE', LEASES, fence, fence)
  -- The first one is who made the claim.
  for i = #members, 2, -1 do
    local id = members[i]
    local r = call('GET', RESULT .. id) or ''
    local blamed = has_header(r) and flagged(r, 64--[[SUSPECT]])
    if i > limit + 1 then
      call('HDEL', P .. 'suspected', id)
      call('ZREM', LEASES, id)
      if has_header(r) and byte(r, 9--[[FLAGS]]) >= 128--[[LIMITED]] then lanes().freed(id, r) end
      call('LPUSH', blamed and P .. 'suspects' or has_header(r) and list_of(r) or P .. 'queue', id)
    else
      table.insert(blamed and blamed_ones or others, 1, struct.pack('>I4c0I4', #id, id, #r) .. r)
    end
  end
  if limit == 0 then
    close_claims({ [fence] = true })
    ring()
  end
  return { fence, now, 0, 1, #blamed_ones, table.concat(blamed_ones) .. table.concat(others) }
end

local function next_due()
  local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
  return first[2] and math.max(0, math.ceil(tonumber(first[2]) - now)) or -1
end

-- Queues delayed calls that are due, at most 100 a claim; and lets those in that wait for a gate to open.
local function promote()
  local gates = {}
  local late = call('ZRANGEBYSCORE', P .. 'delayed', '-inf', number(now), 'LIMIT', 0, 100)
  for _, id in ipairs(late) do
    local r = byte(id) ~= 0 and call('GETRANGE', RESULT .. id, 0, 44)
    if not r then
      gates[#gates + 1] = sub(id, 2)
    elseif not has_header(r) then
      call('RPUSH', P .. 'queue', id)
    elseif not has_ended(r) then
      call('SETRANGE', RESULT .. id, 7--[[STATE]] - 1, string.char(0--[[QUEUED]]))
      local list = list_of(r)
      call(list == P .. 'queue:nested' and 'LPUSH' or 'RPUSH', list, id)
    end
  end
  -- After that, lest they are nowhere if it fails.
  if #late > 0 then call('ZREM', P .. 'delayed', unpack(late)) end
  for _, gate in ipairs(gates) do
    lanes().pass(gate)
    -- If who is let in comes no more, the others are not to wait for ever.
    open_at(gate, now + 1000)
  end
  due = next_due()
end

-- What comes before the lists: what is due, and suspects.
local function prepare(take)
  promote()
  local most = math.min(limit, tonumber(ARGV[5]) or 0)
  while count < most and spare > 0 and bytes < 524288 and not lone and not fault do
    local popped = call('LPOP', P .. 'suspects', 1)
    if not popped then break end
    take(popped, P .. 'suspects')
  end
  suspects = count
end

-- Forgets what has ended of what is put aside for the worker's tasks, and those tasks of which nothing is left, or that are
-- paused. A key of a wrong type is told of before anything is popped.
local function tidy_all()
  local those = {}
  for _, task in ipairs(asides) do
    local length = call('LLEN', P .. 'aside:' .. task)
    if length == 0 or length > call('ZCARD', P .. 'put-aside:' .. task) then tidy_aside(task, 64) end
    if count_aside(task) > 0 and not (paused and paused[task]) then those[#those + 1] = task end
  end
  asides = those[1] and those
end

-- Where the calls of a list stand in the order of those that are put aside: see rank_aside.
local ranges = {
  ['queue:nested'] = { '-inf', '(-4e15' }, ['queue:high'] = { '-4e15', '(0' }, queue = { '0', '(4e15' },
  ['queue:low'] = { '4e15', '+inf' },
}

-- Takes what is put aside for the worker's tasks and would wait in this list, before what waits there.
local function take_aside(name, take)
  local from, to = unpack(ranges[name])
  for _, task in ipairs(asides) do
    local order = P .. 'put-aside:' .. task
    while count < limit and spare > 0 and bytes < 524288 and not fault do
      local found = call('ZRANGE', order, from, to, 'BYSCORE', 'LIMIT', 0, math.min(limit - count, 64), 'WITHSCORES')
      if #found == 0 then break end
      local some = {}
      for i = 1, #found, 2 do some[#some + 1] = found[i] end
      call('ZREM', order, unpack(some))
      redis.pcall('ZREM', P .. 'deadlines', unpack(some))
      local before = count
      local left = take(some)
      -- A call that was not leased has ended, or stands in a line or among the suspects: it is no longer put aside. Leased calls
      -- leave the list when it is tidied.
      local leased = {}
      for i = before + 1, count do leased[ids[i]] = true end
      for i = 1, (left or #some + 1) - 1 do
        if not leased[some[i]] then redis.pcall('LREM', P .. 'aside:' .. task, 1, some[i]) end
      end
      for i = left or #some + 1, #some do
        call('ZADD', order, found[2 * i], some[i])
        bounded(some[i], call('GETRANGE', RESULT .. some[i], 0, 44))
      end
    end
  end
end

-- Whether anything is left aside that the worker could have: of nested calls alone, if it claims those.
local function is_aside()
  for _, task in ipairs(asides) do
    if call('ZCOUNT', P .. 'put-aside:' .. task, '-inf', nested_only and '(-4e15' or '+inf') > 0 then return true end
  end
  return false
end

-- Ends a call whose record is larger than may be given: who waits for it is answered, else it is parked with its request.
local function too_large(id, r)
  if call('ZSCORE', LEASES, id) then return end
  local words = 'its request takes ' .. #r .. ' bytes, more than the ' .. ARGV[11] .. ' that its worker reads (maxParamsBytes)'
  local told = '\165error\130\164code\178resource_exhausted\167message' .. str(words)
  local known = has_header(r)
  if known and flagged(r, 1--[[AWAITED]]) and not flagged(r, 2--[[KEEP_REQUEST]]) then
    conclude(id, r, 5--[[FAILED]], told)
    return
  end
  local before = known and r or '\128\161h\196(\1' .. string.rep('\0', 39)
  local last = '\131' .. sub(before, 2, 6) .. string.char(8--[[PARKED]]) .. sub(before, 8, 45) .. told .. '\167request' .. bin(r)
  local kept = kept_for(604800000--[[LONG]], before)
  call('SET', RESULT .. id, last, 'PX', kept)
  call('PEXPIRE', P .. 'failures:' .. id, kept)
  call('ZADD', P .. 'parked', number(now), id)
  call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - 604800000--[[LONG]]))
  ended(id, before, last)
end

-- The record of a popped id if its call waits in this list. An id may stand in a list more than once, if it was
-- canceled there and used again.
local function waiting(id, r, among_suspects)
  if not has_header(r) then
    if is_plain_reply(r) then return nil end
    r = adopted(id, r)
    if paused and is_held(id, r) then return nil end
    if #r > largest then return too_large(id, r) end
    return r
  end
  local state, _, flags = byte(r, 7--[[STATE]], 9--[[FLAGS]])
  if has_ended(r) then return nil end
  if (state == 1--[[DELAYED]] or state == 3--[[RETRYING]]) and call('ZSCORE', P .. 'delayed', id) then return nil end
  local suspected = flags % 128--[[LIMITED]] >= 64--[[SUSPECT]]
  if among_suspects then
    if not suspected then return nil end
  elseif suspected then
    -- One that waited elsewhere, as its task was paused, joins the others.
    if not call('LPOS', P .. 'suspects', id) and not call('ZSCORE', LEASES, id) then
      call('RPUSH', P .. 'suspects', id)
      ring()
    end
    return nil
  end
  if is_late(r) and not call('ZSCORE', LEASES, id) then
    -- Where it stood twice in what was popped, it has ended with the first.
    if not has_ended(call('GET', RESULT .. id)) then conclude(id, r, 7--[[EXPIRED]]) end
    return nil
  end
  -- Another call, a nested one, was canceled here, and its id is used again: it waits in this one's list.
  if bit.band(flags, 48) < least then
    if not call('ZSCORE', LEASES, id) then call('RPUSH', list_of(r), id) end
    return nil
  end
  if paused and is_held(id, r) then return nil end
  if #r > largest then return too_large(id, r) end
  -- Of one that has killed a worker twice, a script that knows no marks may have counted the second time.
  local alone = among_suspects and (bit.band(marks_of(r), 4--[[BESIDE_OTHERS]]) == 0 or byte(r, 8--[[DEATHS]]) > 1)
  if alone and (count > 0 or sub(ARGV[5], 1, 1) == '+') then
    call('LPUSH', P .. 'suspects', id)
    lone, barred = true, count == 0
    return nil
  end
  if flags >= 128--[[LIMITED]] and not may_start(id, r) then
    spare = spare - 1 -- It takes longer than to drop a ghost.
    return nil
  end
  lone = lone or alone
  return r
end

-- Puts all that was popped back to the head of its list, and tells the fault.
local function given_back()
  for i = count, 1, -1 do
    local r = records[i]
    local list = not has_header(r) and P .. 'queue' or flagged(r, 64--[[SUSPECT]]) and P .. 'suspects' or list_of(r)
    call('LPUSH', list, ids[i])
  end
  for i = 1, count do
    local r = records[i]
    if has_header(r) and byte(r, 9--[[FLAGS]]) >= 128--[[LIMITED]] then lanes().freed(ids[i], r) end
  end
  return fault
end

-- Drops ids that stood twice in what was popped, or are leased already.
local function without_ghosts(fence)
  local fences, seen, kept, theirs = call('ZMSCORE', LEASES, unpack(ids)), {}, {}, {}
  for i, id in ipairs(ids) do
    if not seen[id] and tonumber(fences[i]) == tonumber(fence) then
      seen[id] = true
      kept[#kept + 1] = id
      theirs[#theirs + 1] = records[i]
    end
  end
  ids, records, count = kept, theirs, #kept
  -- A lease of nothing would stay until it lapses.
  if count == 0 then call('ZREMRANGEBYSCORE', LEASES, fence, fence) end
end
return { given_before = given_before, prepare = prepare, take_aside = take_aside, tidy_all = tidy_all, is_aside = is_aside, waiting = waiting, without_ghosts = without_ghosts, given_back = given_back, look_for_pauses = look_for_pauses, next_due = next_due, publish = publish, happened = happened }
end
local rare
-- Whether there is nothing but what waits in the lists. If none of that has a low priority, the normal calls are mostly the last
-- that are popped, and no look is needed whether there are more.
local none_is_low = call('EXISTS', P .. 'delayed', P .. 'suspects', P .. 'asides', P .. 'paused', P .. 'queue:low') == 0
local rarities = none_is_low and 0 or call('EXISTS', P .. 'delayed', P .. 'suspects', P .. 'asides', P .. 'paused')
local bare = rarities == 0
if not bare then
  local tasks = call('SMEMBERS', P .. 'asides')
  for i = 1, #tasks do
    -- What can't be the name of a task is put aside for nobody: its calls are judged anew.
    if string.find(ARGV[7], ' ' .. tasks[i] .. ' ', 1, true) or string.find(tasks[i], '[%s%c]') or tasks[i] == '' then
      asides = asides or {}
      asides[#asides + 1] = tasks[i]
    end
  end
  -- What is put aside for others alone is no concern of this claim.
  bare = rarities == 1 and tasks[1] and not asides
end
local last_list = none_is_low and ARGV[6] ~= 'queue' and P .. 'queue'

-- Takes ids that were popped from a list. A reply of many records would be long on its way, and leases run meanwhile: returns
-- the index from which on some went back to the list, or are to go back to where they were, if there is none.
local function take(popped, list)
  local among_suspects = list == P .. 'suspects'
  local keys = {}
  for i = 1, #popped do keys[i] = RESULT .. popped[i] end
  local found = call('MGET', unpack(keys))
  for i = 1, #popped do
    if bytes >= 524288 then
      for back = #popped, list and i or math.huge, -1 do call('LPUSH', list, popped[back]) end
      return i
    end
    local id, r = popped[i], found[i]
    if r and byte(id) ~= 0 then -- Before all ids in a claim's leases stands who made it.
      local ordinary = false
      if has_header(r) then
        local state, _, flags = byte(r, 7--[[STATE]], 9--[[FLAGS]])
        local deadline = struct.unpack('>d', r, 22--[[DEADLINE]])
        ordinary = state == 0--[[QUEUED]] and flags >= least and flags < 64--[[SUSPECT]] and #r <= largest
          and (deadline == 0 or deadline > now)
      end
      -- What was popped with a call that could not be judged goes back with it.
      if (not ordinary or among_suspects or paused) and not fault then
        rare = rare or rarely()
        local done, answer = pcall(rare.waiting, id, r, among_suspects)
        if done then r = answer else fault = { err = answer.err or answer } end
      end
    else
      r = nil
    end
    if r then
      count = count + 1
      ids[count], records[count] = id, r
      bytes = bytes + #r
    else
      spare = spare - 1
    end
  end
end

-- Takes from the first of some lists that is not empty, until all are, the limit is reached, or the step is long enough.
-- Returns whether they are empty.
local function drain(...)
  local pop, stride = { 'LMPOP', select('#', ...), ... }, 16
  local last = #pop + 3
  pop[last - 2], pop[last - 1] = 'LEFT', 'COUNT'
  while count < limit and spare > 0 and bytes < 524288 and not fault do
    local asked = math.min(limit - count, stride)
    pop[last] = asked
    local popped = redis.pcall(unpack(pop))
    if not popped then return true end
    if popped.err then
      fault = popped
      return true
    end
    if take(popped[2], popped[1]) then return false end
    -- Mostly that was all.
    if #popped[2] < asked and (popped[1] == last_list and not rare or call('EXISTS', ...) == 0) then return true end
    stride = 64 -- Not more, as records may be large.
  end
  return false
end

if ARGV[9] ~= '' then
  rare = rarely()
  local reply = rare.given_before()
  if reply then return reply end
  if limit == 0 then return { 0, now, -1, 0, 0, '' } end
end
if not bare then
  rare = rare or rarely()
  rare.look_for_pauses()
  if paused and paused['*'] then
    call('LTRIM', P .. 'bell', 0, 0)
    return { 0, now, -1, 0, 0, '' }
  end
  if asides then rare.tidy_all() end
  rare.prepare(take)
end
if nested_only then least = 48 end
if asides then
  -- What comes back from there comes in its turn, as it would have without that.
  local names = nested_only and { 'queue:nested' } or { ARGV[6], 'queue:high', 'queue:nested', 'queue', 'queue:low' }
  for _, name in ipairs(names) do
    rare.take_aside(name, take)
    drain(P .. name)
  end
  local lists = nested_only and 0 or call('EXISTS', P .. 'queue', P .. 'queue:high', P .. 'queue:low')
  empty = lists + call('EXISTS', P .. 'queue:nested') == 0 and not rare.is_aside()
elseif nested_only then
  if not drain(P .. 'queue:nested') then empty = call('EXISTS', P .. 'queue:nested') == 0 end
elseif not drain(P .. ARGV[6], P .. 'queue:high', P .. 'queue:nested', P .. 'queue', P .. 'queue:low') then
  empty = call('EXISTS', P .. 'queue', P .. 'queue:high', P .. 'queue:nested', P .. 'queue:low') == 0
end

local fence = 0
if count > 0 and not fault then
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
  local leases = { fence, '\0' .. worker .. ' ' .. ARGV[8] }
  for i = 1, count do
    leases[2 * i + 1] = fence
    leases[2 * i + 2] = ids[i]
  end
  local added = fault or redis.pcall('ZADD', LEASES, 'NX', unpack(leases))
  if type(added) == 'table' then
    fault = added
  elseif added <= count then
    rare = rare or rarely()
    rare.without_ghosts(fence)
  end
end
if fault then
  rare = rare or rarely()
  return rare.given_back()
end
if fence ~= 0 and count > 0 then
  -- To print a fraction, too, would take ten times as long.
  call('ZADD', P .. 'expiry', string.format('%d', now + ARGV[4]), fence)
  if suspects > 0 then
    -- Some may have been ghosts.
    local held, n = {}, 0
    while n < suspects and n < count and byte(records[n + 1], 9--[[FLAGS]]) % 128--[[LIMITED]] >= 64--[[SUSPECT]] do
      n = n + 1
      held[2 * n - 1], held[2 * n] = ids[n], worker
    end
    suspects = n
    if n > 0 then call('HSET', P .. 'suspected', unpack(held)) end
  end
end

-- What was taken from aside is leased by now, and leaves the list.
if asides then pcall(rare.tidy_all) end
if nested_only then
  if not empty then
    left = 1
    if call('RPUSH', P .. 'bell:nested', '1') > 1 then call('LPOP', P .. 'bell:nested') end
  elseif count == 0 then
    call('LTRIM', P .. 'bell:nested', 0, 0)
  end
  -- What was due, or not ours to take, is for others.
  if not bare and call('EXISTS', P .. 'queue', P .. 'queue:high', P .. 'queue:low') > 0 then ring() end
elseif not empty then
  left = 1
  ring()
elseif count > 0 then
  -- What rang for these would wake somebody for nothing. Who waited for a single one has taken the token already.
  if limit > 1 and bare and not judged then call('DEL', P .. 'bell') end
else
  -- One token is enough for whoever comes, however many others have put there.
  call('LTRIM', P .. 'bell', 0, 0)
end
-- Where nothing was rare, there were no suspects, and are none now.
if rare and left == 0 and not barred and call('EXISTS', P .. 'suspects') == 1 then left = 2 end
if judged then due = rare.next_due() end
local given = {}
local id_size, before_id, record_size, before_record
for i = 1, count do
  local id, r, at = ids[i], records[i], 4 * i
  if #id ~= id_size then
    id_size = #id
    before_id = struct.pack('>I4', id_size)
  end
  if #r ~= record_size then
    record_size = #r
    before_record = struct.pack('>I4', record_size)
  end
  given[at - 3], given[at - 2], given[at - 1], given[at] = before_id, id, before_record, r
end
if HEARD then
  rare = rare or rarely()
  for i = 1, count do
    local r = records[i]
    rare.happened('started', ids[i], r, has_header(r) and struct.unpack('>H', r, 10--[[ATTEMPT]]) + 1 or 1, worker, '')
  end
end
if rare then rare.publish() end
return { fence, now, due, left, math.min(suspects, count), table.concat(given) }
