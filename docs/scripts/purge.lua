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
  if state and byte(r, 7--[[STATE]]) ~= state or not is_old(id) then return false end
  conclude(id, r, 6--[[CANCELED]])
  ended_now = ended_now + 1
  return true
end

local next = ''
if where == 'parked' then
  local latest = ARGV[4] == '' and '+inf' or number(now - ARGV[4])
  local ids = call('ZRANGE', P .. 'parked', '-inf', latest, 'BYSCORE', 'LIMIT', 0, 100)
  for _, id in ipairs(ids) do
    local r = call('GETRANGE', RESULT .. id, 0, 44)
    if has_header(r) and byte(r, 7--[[STATE]]) == 8--[[PARKED]] then
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
    if byte(id) == 0 or not purged(id, where == 'delayed' and 1--[[DELAYED]] or 3--[[RETRYING]]) then kept = kept + 1 end
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
