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

-- A copy of a record with some bytes of its header changed.
local function patched(r, at, bytes) return sub(r, 1, at - 1) .. bytes .. sub(r, at + #bytes) end

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

-- Of some claims, a set by their fences, forgets those of which no call is left.
local function close_claims(fences)
  for fence in pairs(fences) do
    if call('ZCOUNT', LEASES, fence, fence) == 1 then
      call('ZREMRANGEBYSCORE', LEASES, fence, fence)
      call('ZREM', P .. 'expiry', fence)
    end
  end
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

-- report
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2 ..] -> kind, id, fence, a, b, kind, id, fence, a, b, …; at most 1,000
--   'retry'    a: delay, ms    b: the attempt's error, MessagePack
--   'release'                                                     given back unrun, to the head of its list
--   'limit'    a: the keys of its limits, 8 bytes                 given back unrun, to be judged by the next claim
--   'aside'    a: task                                            put aside for a worker that implements the task
--   'park'     a: record       b: ttl, ms                         nobody can run it
--   'progress' a: the progress, MessagePack
-- Returns the indexes (from 0) of those refused: their fence no longer holds the call, or it has ended.
local refused, claims, released = {}, {}, {}
-- A step returns whether its call's lease is to end only once the call stands at the head of its list.
local steps, fault = {}, nil

-- Writes an open call's state and attempts; its worker is done with it, so that it is no suspect any more.
local function returned(id, r, state, attempts)
  if not has_header(r) then return end
  local _, deaths, flags = byte(r, 7--[[STATE]], 9--[[FLAGS]])
  if flags >= 128--[[LIMITED]] then lanes().freed(id, r) end
  if flags % 128--[[LIMITED]] >= 64--[[SUSPECT]] then cleared(id) end
  local head = string.char(state, deaths, bit.band(flags, 255 - 64--[[SUSPECT]]))
  call('SETRANGE', RESULT .. id, 7--[[STATE]] - 1, head .. struct.pack('>H', math.min(attempts, 65535)))
end
local function attempts_of(r) return has_header(r) and struct.unpack('>H', r, 10--[[ATTEMPT]]) or 0 end

function steps.retry(id, r, after, failure)
  returned(id, r, 3--[[RETRYING]], attempts_of(r) + 1)
  if HEARD then happened('retrying', id, r, attempts_of(r) + 1, '', failure) end
  add_failure(id, failure)
  delay(id, now + after)
end
local function to_head(id, r)
  local list = P .. 'queue'
  if has_header(r) then list = flagged(r, 64--[[SUSPECT]]) and P .. 'suspects' or list_of(r) end
  if list == P .. 'suspects' then call('HDEL', P .. 'suspected', id) end
  local ids = released[list]
  -- The last one first, so that they stand at the head in the order in which they were claimed.
  if ids then table.insert(ids, 1, id) else released[list] = { id } end
  return true
end
function steps.release(id, r)
  if not has_header(r) or byte(r, 9--[[FLAGS]]) < 128--[[LIMITED]] or not lanes().given_back(id, r) then
    return to_head(id, r)
  elseif flagged(r, 64--[[SUSPECT]]) then
    cleared(id)
  end
end
function steps.limit(id, r, keys)
  if has_header(r) then
    r = patched(patched(r, 9--[[FLAGS]], string.char(bit.bor(byte(r, 9--[[FLAGS]]), 128--[[LIMITED]]))), 38--[[KEYS_AT]], keys)
    call('SETRANGE', RESULT .. id, 0, sub(r, 1, 45))
  end
  return to_head(id, r) -- It has been in no line.
end
function steps.aside(id, r, task)
  returned(id, r, 0--[[QUEUED]], attempts_of(r))
  call('RPUSH', P .. 'aside:' .. task, id)
  call('SADD', P .. 'asides', task)
  ring()
end
function steps.park(id, r, record, ttl)
  local kept = has_header(r) and kept_for(tonumber(ttl), r) or ttl
  call('SET', RESULT .. id, record, 'PX', kept)
  call('PEXPIRE', P .. 'failures:' .. id, kept)
  call('ZADD', P .. 'parked', number(now), id)
  call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - 604800000--[[LONG]]))
  if has_header(r) then ended(id, r, record) end
end
function steps.progress(id, r, value)
  call('SET', P .. 'progress:' .. id, value, 'PX', 604800000--[[LONG]])
  if HEARD then happened('progress', id, r, attempts_of(r) + 1, '', value) end
  if not has_header(r) then return end
  if not flagged(r, 8--[[PROGRESS]]) then
    local flags = string.char(byte(r, 9--[[FLAGS]]) + 8--[[PROGRESS]])
    call('SETRANGE', RESULT .. id, 9--[[FLAGS]] - 1, flags)
  end
  tell_waiting(id, r, '\1', value)
end

for at = 2, #ARGV, 5 do
  local kind, id, fence = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local held = call('ZSCORE', LEASES, id)
  if held and tonumber(held) == tonumber(fence) then
    -- The header, the client's and the task's name are all that is needed.
    -- One that can't be taken, as a key of a wrong type is in its way, stays leased; the others are taken.
    local done, answer = pcall(steps[kind], id, call('GETRANGE', RESULT .. id, 0, 511), ARGV[at + 3], ARGV[at + 4])
    if not done then
      fault = { err = answer.err or answer }
    elseif kind ~= 'progress' then
      if not answer then call('ZREM', LEASES, id) end
      claims[fence] = true
    end
  else
    refused[#refused + 1] = (at - 2) / 5
  end
end
for list, ids in pairs(released) do
  local pushed = redis.pcall('LPUSH', list, unpack(ids))
  if type(pushed) == 'table' then
    fault = pushed
  else
    call('ZREM', LEASES, unpack(ids))
    ring()
  end
end
close_claims(claims)
publish()
return fault or refused
