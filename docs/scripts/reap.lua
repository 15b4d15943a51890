#!lua flags=allow-oom

-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte

local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'

local NS = sub(P, 1, string.find(P, ':{', 1, true) - 1)

local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms

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

-- A copy of a record with some bytes of its header changed.
local function patched(r, at, bytes) return sub(r, 1, at - 1) .. bytes .. sub(r, at + #bytes) end

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

-- Whether somebody listens to what happens in this queue: asked only where the second key is given.
local HEARD = KEYS[2] and call('EXISTS', KEYS[2]) == 1

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

-- Among the leases of a claim stands who made it, as a member that sorts before all ids: '\0<worker> <token>'.
local function holder_of(fence)
  local first = call('ZRANGE', LEASES, fence, fence, 'BYSCORE', 'LIMIT', 0, 1)[1]
  return first and string.match(first, '^%z(.*) ') or nil
end

-- Keeps the error (MessagePack) of an attempt that has failed, for whoever looks at the call while it is open or parked.
local function add_failure(id, failure)
  call('RPUSH', P .. 'failures:' .. id, failure)
  call('LTRIM', P .. 'failures:' .. id, -10, -1)
  call('PEXPIRE', P .. 'failures:' .. id, 604800000--[[LONG]])
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

-- reap
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> at which death of its worker a call is parked that does not say so itself; 0: at the first one, whatever it says
-- ARGV[3] -> lease, ms: for how long a worker that died with a suspect is known to have done so
-- Returns how many calls were taken back, at most 100; 1 if there are more, or 0; and how many wait in the lists now.
--
-- If a worker that died had a suspect, that one alone is charged with its death; else all its calls are. If it had several
-- suspects, each of them is charged only once it dies alone, and then for both. All become suspects, for the one to blame may be
-- among them; those that were none yet may be run beside others. A call that is delivered at most once is parked.
--
-- Calls that are put aside, stand in a line, or wait in a queue that is paused end here by their deadlines.
local most = tonumber(ARGV[2])
local reaped, looked, suspects, fault = 0, 0, {}, nil

-- How many suspects each worker has. One that died with some is not to blame for its other calls; and where it had several,
-- none of these is known to be to blame, either. Its other leases may lapse a little later.
local suspects_of = {}
for _, worker in ipairs(call('HVALS', P .. 'suspected')) do suspects_of[worker] = (suspects_of[worker] or 0) + 1 end
call('ZREMRANGEBYSCORE', P .. 'excused', '-inf', number(now))
local function note(member)
  call('ZADD', P .. 'excused', number(now + ARGV[3]), member)
  return true
end
local function is_noted(member) return call('ZSCORE', P .. 'excused', member) and true end
local function is_excused(worker) return suspects_of[worker] and note(worker) or is_noted(worker) end
local function had_several(worker)
  local has = suspects_of[worker]
  return has and (has > 1 or is_noted('\0' .. worker)) and note('\0' .. worker)
end

-- The error of an attempt whose worker died: { code, message, attempt, worker }.
local function worker_lost(r, worker)
  local attempt = math.min(struct.unpack('>H', r, 10--[[ATTEMPT]]) + 1, 65535)
  return '\132\164code\171worker_lost\167message\175its worker died\167attempt\205' .. struct.pack('>H', attempt)
    .. '\166worker' .. str(worker)
end

-- Takes a call back from a worker that died. Returns whether it was open still.
local function take_back(id, worker, excused, several)
  local r, deaths_allowed = call('GETRANGE', RESULT .. id, 0, 511), most
  if has_ended(r) then
    -- Who answered it, as a listener of the plain level, has ended it for good.
    call('HDEL', P .. 'suspected', id)
    return false
  end
  if not has_header(r) then
    -- Foreign bytes, in which no death can be counted: who is to say what they do to the next worker.
    r = '\129\161h\196(\1' .. string.char(0--[[QUEUED]], 1) .. string.rep('\0', 37)
    call('SET', RESULT .. id, r)
    call('HDEL', P .. 'suspected', id)
    deaths_allowed = 1
  end
  local deaths, flags = byte(r, 8--[[DEATHS]], 9--[[FLAGS]])
  local marks, own = marks_of(r), byte(r, 15--[[MOST_DEATHS]])
  if own > 0 and byte(r, 14--[[MARKS]]) < 63--[[FENCED]] and most > 0 then deaths_allowed = own end
  local once = bit.band(marks, 2--[[AT_MOST_ONCE]]) ~= 0
  local was_suspect = flags % 128--[[LIMITED]] >= 64--[[SUSPECT]]
  local was_lost = was_suspect and bit.band(marks, 8--[[LOST_AMONG_OTHERS]]) ~= 0
  local among_others = was_suspect and several and not was_lost and not once
  local charged = once or was_suspect and not among_others or not was_suspect and not excused
  if charged then
    deaths = math.min(deaths + (was_lost and 2 or 1), 255)
    if was_lost then add_failure(id, worker_lost(r, '')) end
    add_failure(id, worker_lost(r, worker))
  end
  if was_suspect then call('HDEL', P .. 'suspected', id) end
  -- One that has killed a worker when it was a suspect runs alone from then on, and so does one that may have.
  local beside = not was_suspect and deaths + 1 < deaths_allowed
  marks = bit.bor(bit.band(marks, 2--[[AT_MOST_ONCE]]), 1--[[BEGUN]], beside and 4--[[BESIDE_OTHERS]] or 0, among_others and 8--[[LOST_AMONG_OTHERS]] or 0)
  local function mark(state, flags)
    return patched(patched(r, 7--[[STATE]], string.char(state, deaths, flags)), 14--[[MARKS]], string.char(marks))
  end
  local deadline = deadline_of(r)
  if flagged(r, 1--[[AWAITED]]) and deadline > 0 and deadline <= now then
    conclude(id, mark(0--[[QUEUED]], flags), 7--[[EXPIRED]])
  elseif charged and (once or deaths >= deaths_allowed) then
    -- The request stays as it is, to be run again.
    local last = mark(8--[[PARKED]], flags)
    call('SETRANGE', RESULT .. id, 0, sub(last, 1, 45))
    local kept = kept_for(604800000--[[LONG]], last)
    call('PEXPIRE', RESULT .. id, kept)
    call('PEXPIRE', P .. 'failures:' .. id, kept)
    call('ZADD', P .. 'parked', number(now), id)
    call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - 604800000--[[LONG]]))
    ended(id, last, '\129' .. sub(last, 2, 45))
  else
    if flags >= 128--[[LIMITED]] then lanes().freed(id, r) end
    if HEARD then happened('reclaimed', id, r, struct.unpack('>H', r, 10--[[ATTEMPT]]) + 1, worker, '') end
    if not was_suspect then flags = flags + 64--[[SUSPECT]] end
    call('SETRANGE', RESULT .. id, 0, sub(mark(0--[[QUEUED]], flags), 1, 45))
    suspects[#suspects + 1] = id
  end
  return true
end


-- How long a call that was let go on may be on its way, s; and how deep in its list it may stand. Of one that can't be
-- found in a longer list it is not certain that it is gone: it has more time.
local FRESH, DEEP, LONG_WAY = 5, 10000, 60

local function mend()
  local L, MENDING, seen = lanes(), P .. 'mending', {}
  local function is_paused(name) return call('HEXISTS', P .. 'paused', name) == 1 end

  -- Where in a hash or a set the beat before has ended; and what was found since.
  local function from(name) return call('HGET', MENDING, name) or '0' end
  local function found_in(name, scan)
    if scan[1] == '0' then
      call('HDEL', MENDING, name)
    else
      call('HSET', MENDING, name, scan[1])
      call('PEXPIRE', MENDING, 60000)
    end
    return scan[2]
  end

  -- Whether a call that was let go on is in its list no more. Out of its line, it comes to no harm should it be: it is
  -- judged anew then.
  local function is_gone(id, since)
    local r = call('GETRANGE', RESULT .. id, 0, 44)
    if not has_header(r) or has_ended(r) or byte(r, 9--[[FLAGS]]) < 128--[[LIMITED]] then return true end
    local list = flagged(r, 64--[[SUSPECT]]) and P .. 'suspects' or list_of(r)
    if call('LPOS', list, id, 'MAXLEN', DEEP) then return false end
    return since < TIME[1] - LONG_WAY or call('LLEN', list) <= DEEP
  end

  -- A lane whose first call was let go on, and did not come.
  local function mend_invited(lane, since)
    local line, gone = P .. 'line:' .. lane, false
    local first = call('ZRANGE', line, 0, 0)
    -- Where that is a suspect, the first of the others was let go on, too.
    local head = first[1] and call('GETRANGE', RESULT .. first[1], 0, 44) or ''
    if has_header(head) and flagged(head, 64--[[SUSPECT]]) then
      first[2] = call('ZRANGE', line, '0', '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
    end
    for _, id in ipairs(first) do
      if is_gone(id, since) then
        L.leave(lane, id)
        gone = true
      end
    end
    if (gone or not first[1]) and L.invite(lane) < 2 then
      local hashes = sub(lane, -17)
      local task = sub(lane, 1, -19)
      L.pass('slots:' .. task .. ':' .. sub(hashes, 1, 8))
      L.pass('starts:' .. task .. ':' .. sub(hashes, 10))
    end
  end

  -- The slots of calls that no worker has.
  local function mend_slots(slots)
    local ids, freed = found_in(slots, call('SSCAN', P .. slots, from(slots), 'COUNT', 100)), 0
    local fences = #ids > 0 and call('ZMSCORE', LEASES, unpack(ids))
    for i, id in ipairs(ids) do
      if not fences[i] then freed = freed + call('SREM', P .. slots, id) end
    end
    if call('EXISTS', P .. slots) == 0 then freed = math.max(freed, 1) end
    for _ = 1, freed do
      if not L.pass(slots) then break end
    end
  end

  local found = found_in('lanes', call('HSCAN', P .. 'lanes', from('lanes'), 'COUNT', 20))
  for i = 1, #found, 2 do
    local lane, waits = found[i], found[i + 1]
    local since = tonumber(waits)
    if since then
      if since < TIME[1] - FRESH and not is_paused('*') and not is_paused(sub(lane, 1, -19)) then
        mend_invited(lane, since)
      end
    elseif call('EXISTS', P .. 'turns:' .. waits) == 0 then
      L.invite(lane)
    elseif not seen[waits] then
      seen[waits] = true
      if sub(waits, 1, 6) == 'slots:' then
        mend_slots(waits)
      elseif not call('ZSCORE', P .. 'delayed', '\0' .. waits) then
        delay('\0' .. waits, now)
      end
    end
  end
end

-- Looks at some of what no claim may ever come by. Returns whether there is more.
local function look_after()
  local more = end_late(100) == 100
  for _, task in ipairs(call('SRANDMEMBER', P .. 'asides', 20)) do
    local length = call('LLEN', P .. 'aside:' .. task)
    if length == 0 or length ~= call('ZCARD', P .. 'put-aside:' .. task) then
      more = tidy_aside(task, 100) or more
    end
  end
  if call('HEXISTS', P .. 'paused', '*') == 1 then sift_all(200) end
  return more
end

local lapsed = call('ZRANGEBYSCORE', P .. 'expiry', '-inf', number(now), 'LIMIT', 0, 100)
local more = #lapsed == 100 and 1 or 0
-- Of a wrong type, it is to be told of before anything is done.
if #lapsed > 0 then call('LLEN', P .. 'suspects') end
for _, fence in ipairs(lapsed) do
  if reaped >= 100 or looked >= 1000 then
    more = 1
    break
  end
  -- What is no number is no fence: an error here would keep all other leases from being taken back.
  local score = tonumber(fence)
  score = score == score and score and number(score) or '-inf'
  local worker = holder_of(score) or ''
  local excused = is_excused(worker)
  local several = had_several(worker)
  local from, stay, rest = 0, false, false
  repeat
    local asked = 101 - reaped
    local members, taken = call('ZRANGEBYSCORE', LEASES, score, score, 'LIMIT', from, asked), {}
    looked = looked + #members
    for _, id in ipairs(members) do
      if byte(id) == 0 then
        from = from + 1
      else
        -- One that can't be taken back, as a key of a wrong type is in its way, stays leased. The others go, and are charged
        -- no more than once.
        local done, answer = pcall(take_back, id, worker, excused, several)
        if done then
          taken[#taken + 1] = id
          if answer then reaped = reaped + 1 end
        else
          from, stay, fault = from + 1, true, { err = answer.err or answer }
        end
      end
    end
    if #taken > 0 then call('ZREM', LEASES, unpack(taken)) end
    rest = #members == asked
  until not rest or reaped >= 100
  if rest then
    more = 1
  elseif stay then
    -- Those that lapsed meanwhile come before it the next time.
    call('ZADD', P .. 'expiry', 'XX', number(now), fence)
  else
    call('ZREMRANGEBYSCORE', LEASES, score, score)
    call('ZREM', P .. 'expiry', fence)
  end
end
if #suspects > 0 then
  call('RPUSH', P .. 'suspects', unpack(suspects))
  ring()
end
-- A key of a wrong type is for the claim to tell.
if call('EXISTS', P .. 'deadlines', P .. 'asides', P .. 'paused') > 0 then
  local done, on = pcall(look_after)
  if done and on then more = 1 end
end
publish()
if call('EXISTS', P .. 'lanes') == 1 then pcall(mend) end
if fault then return fault end
-- Of a queue that is paused, nothing waits for a worker.
if call('HEXISTS', P .. 'paused', '*') == 1 then return { reaped, more, 0 } end
local waiting = call('LLEN', P .. 'queue') + call('LLEN', P .. 'queue:high') + call('LLEN', P .. 'queue:low')
  + call('LLEN', P .. 'queue:nested')
return { reaped, more, waiting }
