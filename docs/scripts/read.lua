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

-- read
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> '' or a client to be told, too, when one of the calls ends. A blank before it: of the record of a call that has not
--            ended, the first 45 bytes will do
-- ARGV[3 ..] -> ids, at most 1,000
-- Returns for each id: record, 1 if a worker has it or 0, progress or nil. The record is nil if the call is unknown.
-- A large reply ends early: ask for the other ids again.
local reply, bytes = {}, 0
local brief = sub(ARGV[2], 1, 1) == ' '
local waiter = brief and sub(ARGV[2], 2) or ARGV[2]
for i = 3, #ARGV do
  local id = ARGV[i]
  local r, fence = look_up(id)
  local progress = false
  if r and not has_ended(r) then
    if waiter ~= '' and not has_header(r) then r = adopted(id, r) end
    if has_header(r) then add_waiter(id, r, waiter) end
    if not has_header(r) or flagged(r, 8--[[PROGRESS]]) then progress = call('MGET', P .. 'progress:' .. id)[1] end
  end
  if brief and r and not has_ended(r) then r = sub(r, 1, 45) end
  local at = 3 * (i - 3)
  reply[at + 1], reply[at + 2], reply[at + 3] = r, fence and 1 or 0, progress
  bytes = bytes + (r and #r or 0)
  if bytes > 524288 then break end
end
publish()
return reply
