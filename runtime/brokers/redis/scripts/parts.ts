import { lanesPart } from "./lanes.ts";

/** A part of the library. */
export interface Part {
  readonly lua: string;
  /** Whether it holds what changes in a run, or costs a command: of such a part a script has one copy. */
  readonly once: boolean;
}

const part = (lua: string): Part => ({ lua, once: false });
const oncePart = (lua: string): Part => ({ lua, once: true });

/**
 * Numbers that the scripts know by name. In their text they stand as numbers: a local would cost with every run, and
 * more with every function that uses it.
 */
export const constants: Readonly<Record<string, number>> = {
  // States, of which those from 4 to 8 are terminal: succeeded, failed, canceled, expired, parked.
  QUEUED: 0,
  DELAYED: 1,
  RETRYING: 3,
  FAILED: 5,
  CANCELED: 6,
  EXPIRED: 7,
  PARKED: 8,
  // Flags. Two more bits, 16 and 32, hold the priority, and both say nested.
  AWAITED: 1,
  KEEP_REQUEST: 2,
  WAITERS: 4,
  PROGRESS: 8,
  SUSPECT: 64,
  LIMITED: 128,
  // Marks: what an open record says in place of a fence, whose first byte is never below FENCED.
  BEGUN: 1,
  AT_MOST_ONCE: 2,
  BESIDE_OTHERS: 4,
  LOST_AMONG_OTHERS: 8,
  FENCED: 63,
  // Places in a record, counted from 1. TO is behind the header.
  VERSION: 6,
  STATE: 7,
  DEATHS: 8,
  FLAGS: 9,
  ATTEMPT: 10,
  GENERATION: 12,
  MARKS: 14,
  MOST_DEATHS: 15,
  DEADLINE: 22,
  PRINT: 30,
  KEYS_AT: 38,
  TO: 46,
  // How long what belongs to a call is kept at the most, ms: a week, as a parked call itself.
  LONG: 604_800_000,
};

/**
 * The library that the scripts share, in parts: a script begins with those that it uses (see script.ts), for each costs
 * a little with every run. A part uses only parts before it.
 *
 * `KEYS[1]` of each script is the queue's list. All other keys share its prefix, and so its hash tag.
 * `ARGV[1]` is how far the script is to be ahead of Redis's time, ms: 0 but in tests.
 */
export const parts: readonly Part[] = [
  part(String.raw`
-- Locals are found faster than what stands in a table of globals.
local ARGV, call, sub, byte = ARGV, redis.call, string.sub, string.byte
`),
  part(String.raw`
local P = sub(KEYS[1], 1, -6)              -- '<namespace>:{<queue>}:'
local RESULT, LEASES = P .. 'result:', P .. 'leases'
`),
  part(String.raw`
local NS = sub(P, 1, string.find(P, ':{', 1, true) - 1)
`),
  oncePart(String.raw`
local TIME = call('TIME')
local now = TIME[1] * 1000 + TIME[2] / 1000 + ARGV[1]   -- ms
`),
  part(String.raw`
local function number(n) return string.format('%.17g', n) end
`),
  part(String.raw`
-- What is packed: strings, each after its length in four bytes.
local unpack_one = struct.unpack
`),
  part(String.raw`
-- The ids and records of some calls that are packed, and how many there are.
local function unpack_calls(bytes)
  local ids, records, n, at, size = {}, {}, 0, 1, #bytes
  while at <= size do
    n = n + 1
    ids[n], records[n], at = unpack_one('>I4c0I4c0', bytes, at)
  end
  return ids, records, n
end
`),
  part(String.raw`
local function has_header(r) return #r >= 45 and sub(r, 2, 5) == '\161h\196(' end
`),
  part(String.raw`
local function flagged(r, flag) return bit.band(byte(r, FLAGS), flag) ~= 0 end
`),
  part(String.raw`
-- The marks of an open record.
local function marks_of(r)
  local marks = byte(r, MARKS)
  return marks < FENCED and marks or 0
end
`),
  part(String.raw`
local function deadline_of(r) return (struct.unpack('>d', r, DEADLINE)) end
`),
  part(String.raw`
-- The list that a call waits in, by the priority in its flags.
local function list_of(r)
  local priority = bit.band(byte(r, FLAGS), 48)
  return priority == 0 and P .. 'queue' or priority == 16 and P .. 'queue:high'
    or priority == 32 and P .. 'queue:low' or P .. 'queue:nested'
end
`),
  part(String.raw`
-- A copy of a record with some bytes of its header changed.
local function patched(r, at, bytes) return sub(r, 1, at - 1) .. bytes .. sub(r, at + #bytes) end
`),
  part(String.raw`
-- Whether a record without a header is a reply of the plain level: a map that begins with 'value' or 'error'.
local function is_plain_reply(r)
  local first = byte(r, 1) == 222 and sub(r, 4, 9) or sub(r, 2, 7)
  return first == '\165value' or first == '\165error'
end
`),
  part(String.raw`
-- Whether a record says that its call has ended. One in a state that does not exist is for a worker to park.
local function has_ended(r)
  if not has_header(r) then return is_plain_reply(r) end
  local state = byte(r, STATE)
  return state >= 4 and state <= PARKED
end
`),
  part(String.raw`
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
`),
  part(String.raw`
-- The client that a record with a header names: after it, the string 'to' and a short string.
local function to_of(r)
  local kind, t, o, head = byte(r, TO, TO + 3)
  if kind == 162 and t == 116 and o == 111 and head and head > 160 and head < 192 then
    return sub(r, TO + 4, TO + head - 157)
  end
end
`),
  part(String.raw`
-- A string and a binary as MessagePack has them, in the forms that have room for all that there are.
local function str(text) return '\218' .. struct.pack('>H', #text) .. text end
local function bin(bytes) return '\198' .. struct.pack('>I4', #bytes) .. bytes end
`),
  oncePart(String.raw`
-- Messages: for each client one, a list of strings.
local messages = {}
-- Tells clients all that they are to be told.
local function tell_all()
  for client, message in pairs(messages) do call('PUBLISH', NS .. ':client:' .. client, table.concat(message)) end
end
`),
  part(String.raw`
-- Tells a client an item, an array of three: its kind, an id, and a binary; nil for none.
local function tell(client, kind, id, bytes)
  local message = messages[client] or {}
  messages[client] = message
  message[#message + 1] = '\147' .. kind .. str(id) .. (bytes and bin(bytes) or '\192')
end
`),
  part(String.raw`
-- Tells an item to all who wait for a call with a header: the client that asked, and those that asked for it later.
local function tell_waiting(id, r, kind, bytes)
  local to = to_of(r)
  if to then tell(to, kind, id, bytes) end
  if byte(r, FLAGS) % (2 * WAITERS) >= WAITERS then
    -- Of a key of a wrong type, nobody is told: they look.
    for _, client in ipairs(redis.pcall('SMEMBERS', P .. 'waiters:' .. id)) do
      if client ~= to then tell(client, kind, id, bytes) end
    end
  end
end
`),
  part(String.raw`
-- Lets a client be told, too, of what becomes of an open call. Its looks go on should it be forgotten.
local function add_waiter(id, r, client)
  if not client or client == '' or client == to_of(r) then return end
  if type(redis.pcall('SADD', P .. 'waiters:' .. id, client)) == 'table' then return end
  call('PEXPIRE', P .. 'waiters:' .. id, LONG)
  local flags = string.char(bit.bor(byte(r, FLAGS), WAITERS))
  call('SETRANGE', RESULT .. id, FLAGS - 1, flags)
end
`),
  part(String.raw`
-- Wakes one worker. One token is enough for whoever comes.
local function ring()
  if call('RPUSH', P .. 'bell', '1') > 1 then call('LPOP', P .. 'bell') end
end
`),
  part(String.raw`
-- The same of one who waits for nested calls alone.
local function ring_nested()
  if call('RPUSH', P .. 'bell:nested', '1') > 1 then call('LPOP', P .. 'bell:nested') end
end
`),
  part(String.raw`
-- Puts an id among the delayed. If it is now the first one due, it wakes a worker, who may wait longer than that.
local function delay(id, due)
  local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
  call('ZADD', P .. 'delayed', number(due), id)
  if not first[2] or due < tonumber(first[2]) then ring() end
end
`),
  part(String.raw`
-- Has an open call that stands in no list by priority end by its deadline: reap looks for those that are late.
local function bounded(id, r)
  local deadline = has_header(r) and deadline_of(r) or 0
  if deadline > 0 then call('ZADD', P .. 'deadlines', number(deadline), id) end
end
`),
  oncePart(lanesPart),
  oncePart(String.raw`
-- Whether somebody listens to what happens in this queue: asked only where the second key is given.
local HEARD = KEYS[2] and call('EXISTS', KEYS[2]) == 1
`),
  oncePart(String.raw`
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
`),
  part(String.raw`
-- Tells clients, and those who listen, all that they are to be told.
local function publish()
  tell_all()
  if HEARD then happened() end
end
`),
  part(String.raw`
-- What the end of a call is called, by its state.
local function ending_of(state)
  return state == 4 and 'succeeded' or state == 6 and 'canceled' or state == 7 and 'expired' or state == 8 and 'parked'
    or 'failed'
end
`),
  part(String.raw`
-- A suspect has left its worker: the next one can be tried.
local function cleared(id)
  call('HDEL', P .. 'suspected', id)
  if call('EXISTS', P .. 'suspects') == 1 then ring() end
end
`),
  part(String.raw`
-- Among the leases of a claim stands who made it, as a member that sorts before all ids: '\0<worker> <token>'.
local function holder_of(fence)
  local first = call('ZRANGE', LEASES, fence, fence, 'BYSCORE', 'LIMIT', 0, 1)[1]
  return first and string.match(first, '^%z(.*) ') or nil
end
`),
  part(String.raw`
-- Of some claims, a set by their fences, forgets those of which no call is left.
local function close_claims(fences)
  for fence in pairs(fences) do
    if call('ZCOUNT', LEASES, fence, fence) == 1 then
      call('ZREMRANGEBYSCORE', LEASES, fence, fence)
      call('ZREM', P .. 'expiry', fence)
    end
  end
end
`),
  part(String.raw`
-- Keeps the error (MessagePack) of an attempt that has failed, for whoever looks at the call while it is open or parked.
local function add_failure(id, failure)
  call('RPUSH', P .. 'failures:' .. id, failure)
  call('LTRIM', P .. 'failures:' .. id, -10, -1)
  call('PEXPIRE', P .. 'failures:' .. id, LONG)
end
`),
  oncePart(String.raw`
-- How much the messages of this step hold. A reply that is large is not in them, nor one more when they are: it is to be read.
local told = 0
`),
  part(String.raw`
-- After a call has ended, with its last record before that, which has a header: those who wait are told, and its traces go.
local function ended(id, before, r)
  local fits = #r <= 8192 and told <= 1048576
  if fits then told = told + #r end
  tell_waiting(id, before, '\0', fits and r or nil)
  if HEARD then
    local state = byte(r, STATE)
    local shown = (state == 5 or state == PARKED) and r or ''
    happened(ending_of(state), id, before, (struct.unpack('>H', r, ATTEMPT)), '', shown)
  end
  local deaths, flags, high, low = byte(before, DEATHS, ATTEMPT + 1)
  if deaths + high + low > 0 and byte(r, STATE) ~= PARKED then call('DEL', P .. 'failures:' .. id) end
  if flags % 16 >= WAITERS then call('DEL', P .. 'waiters:' .. id, P .. 'progress:' .. id) end
  if flags >= SUSPECT then
    if flags >= LIMITED then lanes().freed(id, before) end
    if flags % LIMITED >= SUSPECT then cleared(id) end
  end
end
`),
  part(String.raw`
-- How long a record is kept at the least after its call has ended, ms: until its deadline it may be submitted again, and
-- would run once more. A foreign deadline may be any number, or none.
local function kept_for(least, before)
  return math.max(least, math.min(math.ceil(deadline_of(before) - now), 31536000000000))
end
`),
  part(String.raw`
-- The name under which a call is put aside: its task, or, of a newer protocol, that; nil where its record hides the task.
local function aside_name(r)
  local version = byte(r, VERSION)
  return version > 1 and '@protocol-' .. version or lanes().task_of(r)
end
`),
  part(String.raw`
-- Forgets that a call is put aside or stands in a line. A key of a wrong type is for others to tell of.
local function not_held(id, r)
  redis.pcall('ZREM', P .. 'deadlines', id)
  local task = aside_name(r)
  if task then redis.pcall('ZREM', P .. 'put-aside:' .. task, id) end
end
`),
  oncePart(String.raw`
-- Puts a call in its order among those that are put aside for a task: by priority, as the ranges of a claim have it, and
-- then by time.
local ranked = 0
local function rank_aside(id, r, task)
  local priority, place = has_header(r) and bit.band(byte(r, FLAGS), 48) or 0, math.floor(now * 1000) + ranked
  ranked = ranked + 1
  if priority > 0 then place = place + (priority == 48 and -8e15 or priority == 16 and -4e15 or 4e15) end
  call('ZADD', P .. 'put-aside:' .. task, 'NX', number(place), id)
  call('PEXPIRE', P .. 'put-aside:' .. task, LONG)
  bounded(id, r)
end
`),
  part(String.raw`
-- Puts an open call aside for a worker that implements its task.
local function put_aside(id, r, task)
  call('RPUSH', P .. 'aside:' .. task, id)
  call('SADD', P .. 'asides', task)
  rank_aside(id, r, task)
end
`),
  part(String.raw`
-- How many calls are put aside for a task. Those that have ended stay in its list for a while, and are not in its order;
-- those that a worker of before there was an order took are not in its list.
local function count_aside(task)
  return math.min(call('LLEN', P .. 'aside:' .. task), call('ZCARD', P .. 'put-aside:' .. task))
end
`),
  part(String.raw`
-- Ends a call without a worker's word: what is left is its header, and 'more' entries besides. Returns its record.
local function conclude(id, r, state, more)
  local head = sub(r, 2, 6) .. string.char(state) .. sub(r, 8, 45)
  local last = more and '\130' .. head .. more or '\129' .. head
  call('SET', RESULT .. id, last, 'PX', kept_for(flagged(r, AWAITED) and 60000 or 3600000, r))
  local before = byte(r, STATE)
  if before == DELAYED or before == RETRYING then call('ZREM', P .. 'delayed', id) end
  not_held(id, r)
  ended(id, r, last)
  return last
end
`),
  part(String.raw`
-- Whether a handler may have begun with it.
local function has_begun(r)
  local deaths, flags, high, low, _, _, marks = byte(r, DEATHS, MARKS)
  return deaths + high + low > 0 or flags % LIMITED >= SUSPECT or marks < FENCED and marks % (2 * BEGUN) >= BEGUN
end
`),
  part(String.raw`
-- Whether an open call that no worker has is to end by its deadline: an awaited call's bounds all of it, any other's
-- the wait for its start.
local function is_late(r)
  local deadline = deadline_of(r)
  return deadline > 0 and deadline <= now and (flagged(r, AWAITED) or not has_begun(r))
end
`),
  part(String.raw`
-- Whether nothing is left of a call that waits: it has ended, or is unknown, or ends now as its deadline is past.
local function is_over(id)
  local r = call('GETRANGE', RESULT .. id, 0, 511)
  if r == '' or has_ended(r) then return true end
  if not has_header(r) or not is_late(r) or call('ZSCORE', LEASES, id) then return false end
  conclude(id, r, EXPIRED)
  return true
end
`),
  part(String.raw`
-- Ends calls past their deadlines that are put aside or stand in a line, where no claim may ever come by. Returns how many
-- it looked at.
local function end_late(most)
  local late = call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', number(now), 'LIMIT', 0, most)
  for _, id in ipairs(late) do pcall(is_over, id) end
  if #late > 0 then call('ZREM', P .. 'deadlines', unpack(late)) end
  return #late
end
`),
  part(String.raw`
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
        here = not has_header(r) or byte(r, STATE) == QUEUED
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
`),
  part(String.raw`
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
`),
  part(String.raw`
-- Looks at some of all that waits by priority, for its time, or to be tried.
local function sift_all(most)
  for _, name in ipairs({ 'queue', 'queue:high', 'queue:low', 'queue:nested', 'suspects', 'delayed' }) do sift(name, most) end
end
`),
  part(String.raw`
-- The record of a call as it stands now: past its deadline it ends with the first look at it.
-- Returns the record, and its fence while a worker has it; false for one that is unknown.
local function look_up(id)
  -- A key of a wrong type is no record, and no reason to find none of the others.
  local r = call('MGET', RESULT .. id)[1]
  if not r or has_ended(r) then return r end
  local fence = call('ZSCORE', LEASES, id)
  if not has_header(r) then return r, fence end
  if not fence and is_late(r) then r = conclude(id, r, EXPIRED) end
  return r, fence
end
`),
  part(String.raw`
-- Whether the owner of a lock, '<fence> <number> <id>', is still at work: a call while its fence holds it; without a lease
-- (fence 0), for a time after it has asked.
local function stands(owner)
  local fence, id = string.match(owner, '^(%d+) %d+ (.*)$')
  if not fence then return false end
  if fence == '0' then return call('EXISTS', P .. 'alive:' .. id) == 1 end
  local held = call('ZSCORE', LEASES, id)
  return held and tonumber(held) == tonumber(fence)
end
`),
  part(String.raw`
-- The first of those in line for a lock who stands. Who doesn't loses its place.
local function first_of(turns)
  while true do
    local first = call('ZRANGE', turns, 0, 0)[1]
    if not first or stands(first) then return first end
    call('ZREM', turns, first)
  end
end
`),
  part(String.raw`
-- Tells an owner in line that a lock is free.
local function wake(owner)
  local fence, id = string.match(owner, '^(%d+) %d+ (.*)$')
  local channel = NS .. ':worker:' .. sub(P, #NS + 3, -3)
  call('PUBLISH', channel, '\147\3' .. str(id) .. '\203' .. struct.pack('>d', tonumber(fence)))
end
`),
];
