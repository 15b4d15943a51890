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
-- ARGV[3] -> how many calls at the most, 1 to 1,000
-- ARGV[4] -> lease, ms
-- ARGV[5] -> '1' if a call whose worker died before may be among them
-- ARGV[6] -> the list to begin with: 'queue', 'queue:high' or 'queue:low'
-- ARGV[7] -> the tasks that the worker implements, each between blanks: ' math.addition math.division '
-- ARGV[8] -> a token of this claim, its worker's own, without blanks
-- ARGV[9] -> '' or the token of an earlier claim whose reply was lost: if it leased calls, they are given again
-- ARGV[10] -> '1' if of the lists only 'queue:nested' may be popped; may be missing, if nothing follows
-- ARGV[11 ..] -> of each limited task that the worker implements: its name, how many may run or 0, how many may start or 0,
--                and in which time, ms
-- Returns fence, now (ms), ms until the next delayed call is due or -1, what is left (0: nothing, 1: calls,
-- 2: suspects alone), index of a suspect (from 1) or 0, and packed: id, record, id, record, …
local worker, limit = ARGV[2], tonumber(ARGV[3])
local ids, records, count, bytes = {}, {}, 0, 0
-- Ids that may still be dropped: those of calls that have ended stay in their lists as ghosts, and are not to make
-- this step long, however many they are.
local spare = 500
local suspect, empty, due, left = nil, true, -1, 0
-- A key of a wrong type, for one. What was popped until then is not to be lost.
local fault
-- The tasks that are paused, by name, if any are; whether limits were asked.
local paused, judged = nil, false
local nested_only = ARGV[10] == '1'
-- 48 while nested calls alone may be taken.
local least = 0
-- The task of which calls that were put aside are looked at.
local aside

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
    for _, client in ipairs(call('SMEMBERS', P .. 'waiters:' .. id)) do
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
      if call('ZADD', P .. 'line:' .. lane, number(place), id) == 1 then call('INCR', P .. 'blocked') end
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

-- Ends a call without a worker's word: what is left is its header, and 'more' entries besides. Returns its record.
local function conclude(id, r, state, more)
  local head = sub(r, 2, 6) .. string.char(state) .. sub(r, 8, 45)
  local last = more and '\130' .. head .. more or '\129' .. head
  call('SET', RESULT .. id, last, 'PX', kept_for(flagged(r, 1--[[AWAITED]]) and 60000 or 3600000, r))
  local before = byte(r, 7--[[STATE]])
  if before == 1--[[DELAYED]] or before == 3--[[RETRYING]] then call('ZREM', P .. 'delayed', id) end
  ended(id, r, last)
  return last
end

-- Whether a handler may have begun with it.
local function has_begun(r)
  local deaths, flags, high, low = byte(r, 8--[[DEATHS]], 10--[[ATTEMPT]] + 1)
  return deaths + high + low > 0 or flags % 128--[[LIMITED]] >= 64--[[SUSPECT]]
end

-- Whether an open call that no worker has is to end by its deadline: an awaited call's bounds all of it, any other's
-- the wait for its start.
local function is_late(r)
  local deadline = deadline_of(r)
  return deadline > 0 and deadline <= now and (flagged(r, 1--[[AWAITED]]) or not has_begun(r))
end

-- The limits that the worker tells, by task; a task of which it tells none has none.
local told = {}
for i = 11, #ARGV, 4 do
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
  if call('ZADD', P .. 'line:' .. lane, 'NX', number(place), id) == 1 then call('INCR', P .. 'blocked') end
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
  call('RPUSH', P .. 'aside:' .. task, id)
  call('SADD', P .. 'asides', task)
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
  local blamed_one, given = 0, {}
  local members = call('ZRANGEBYSCORE', LEASES, fence, fence)
  -- The first one is who made the claim.
  for i = #members, 2, -1 do
    local id = members[i]
    local r = call('GET', RESULT .. id) or ''
    local blamed = has_header(r) and flagged(r, 64--[[SUSPECT]])
    if i > limit + 1 then
      if blamed then call('HDEL', P .. 'suspected', id) end
      call('ZREM', LEASES, id)
      if has_header(r) and byte(r, 9--[[FLAGS]]) >= 128--[[LIMITED]] then lanes().freed(id, r) end
      call('LPUSH', blamed and P .. 'suspects' or has_header(r) and list_of(r) or P .. 'queue', id)
    else
      given[2 * i - 3], given[2 * i - 2] = struct.pack('>I4c0I4', #id, id, #r), r
      if blamed then blamed_one = i - 1 end
    end
  end
  return { fence, now, 0, 1, blamed_one, table.concat(given) }
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

-- What comes before the lists: what is due, a suspect, and calls that others could not run.
local function prepare(take, drain)
  promote()
  local asides = call('SMEMBERS', P .. 'asides')
  while ARGV[5] == '1' and count == 0 and spare > 0 and not fault do
    local popped = call('LPOP', P .. 'suspects', 1)
    if not popped then break end
    take(popped, true)
  end
  suspect = ids[1]
  for _, task in ipairs(asides) do
    if string.find(ARGV[7], ' ' .. task .. ' ', 1, true) and not (paused and paused[task]) then
      aside = task
      if drain(P .. 'aside:' .. task) and not fault then call('SREM', P .. 'asides', task) else empty = false end
    end
  end
  aside = nil
end

-- The record of a popped id if its call waits in this list. An id may stand in a list more than once, if it was
-- canceled there and used again.
local function waiting(id, r, among_suspects)
  if not has_header(r) then
    if is_plain_reply(r) then return nil end
    r = adopted(id, r)
    return not (paused and is_held(id, r)) and r or nil
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
  -- Another call, nested or put aside, was canceled here, and its id is used again: it waits in this one's list.
  local asked = aside and nested_only and lanes().task_of(r) ~= aside and 48 or least
  if bit.band(flags, 48) < asked then
    if not call('ZSCORE', LEASES, id) then call('RPUSH', list_of(r), id) end
    return nil
  end
  if paused and is_held(id, r) then return nil end
  if flags >= 128--[[LIMITED]] and not may_start(id, r) then
    spare = spare - 1 -- It takes longer than to drop a ghost.
    return nil
  end
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
return { given_before = given_before, prepare = prepare, waiting = waiting, without_ghosts = without_ghosts, given_back = given_back, look_for_pauses = look_for_pauses, next_due = next_due, publish = publish, happened = happened }
end
local rare
-- Whether there is nothing but what waits in the lists. If none of that has a low priority, the normal calls are mostly the last
-- that are popped, and no look is needed whether there are more.
local none_is_low = call('EXISTS', P .. 'delayed', P .. 'suspects', P .. 'asides', P .. 'paused', P .. 'queue:low') == 0
local bare = none_is_low or call('EXISTS', P .. 'delayed', P .. 'suspects', P .. 'asides', P .. 'paused') == 0
local last_list = none_is_low and ARGV[6] ~= 'queue' and P .. 'queue'

local function take(popped, among_suspects)
  local keys = {}
  for i = 1, #popped do keys[i] = RESULT .. popped[i] end
  local found = call('MGET', unpack(keys))
  for i = 1, #popped do
    local id, r = popped[i], found[i]
    if r and byte(id) ~= 0 then -- Before all ids in a claim's leases stands who made it.
      local ordinary = false
      if has_header(r) then
        local state, _, flags = byte(r, 7--[[STATE]], 9--[[FLAGS]])
        local deadline = struct.unpack('>d', r, 22--[[DEADLINE]])
        ordinary = state == 0--[[QUEUED]] and flags >= least and flags < 64--[[SUSPECT]] and (deadline == 0 or deadline > now)
      end
      -- What was popped with a call that could not be judged goes back with it.
      if (not ordinary or among_suspects or paused or aside) and not fault then
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
  while count < limit and spare > 0 and bytes < 4194304 and not fault do
    local asked = math.min(limit - count, stride)
    pop[last] = asked
    local popped = redis.pcall(unpack(pop))
    if not popped then return true end
    if popped.err then
      fault = popped
      return true
    end
    take(popped[2])
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
end
if not bare then
  rare = rare or rarely()
  rare.look_for_pauses()
  if paused and paused['*'] then return { 0, now, -1, 0, 0, '' } end
  rare.prepare(take, drain)
end
if nested_only then
  least = 48
  if not drain(P .. 'queue:nested') then empty = empty and call('EXISTS', P .. 'queue:nested') == 0 end
elseif not drain(P .. ARGV[6], P .. 'queue:high', P .. 'queue:nested', P .. 'queue', P .. 'queue:low') then
  empty = empty and call('EXISTS', P .. 'queue', P .. 'queue:high', P .. 'queue:nested', P .. 'queue:low') == 0
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
  if not suspect or ids[1] ~= suspect then
    suspect = nil
  else
    call('HSET', P .. 'suspected', suspect, worker)
  end
end

if nested_only then
  if not empty then
    left = 1
    if call('RPUSH', P .. 'bell:nested', '1') > 1 then call('LPOP', P .. 'bell:nested') end
  end
  -- What was due, or not ours to take, is for others.
  if not bare and call('EXISTS', P .. 'queue', P .. 'queue:high', P .. 'queue:low') > 0 then ring() end
elseif not empty then
  left = 1
  ring()
elseif count > 0 then
  -- What rang for these would wake somebody for nothing. Who waited for a single one has taken the token already.
  if limit > 1 and bare and not judged then call('DEL', P .. 'bell') end
end
-- Where nothing was rare, there were no suspects, and are none now.
if rare and left == 0 and call('EXISTS', P .. 'suspects') == 1 then left = 2 end
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
return { fence, now, due, left, suspect and 1 or 0, table.concat(given) }
