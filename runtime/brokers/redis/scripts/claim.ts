import { newFence } from "./fence.ts";
import { judgeLimits } from "./judge.ts";
import { script } from "./script.ts";

/** Leases waiting calls to a worker. */
export const claimScript = script(
  "claim",
  "allow-oom",
  String.raw`
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

@rarely given_before, prepare, take_aside, tidy_all, is_aside, waiting, without_ghosts, given_back, look_for_pauses, next_due, publish, happened
${judgeLimits}
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
    local blamed = has_header(r) and flagged(r, SUSPECT)
    if i > limit + 1 then
      call('HDEL', P .. 'suspected', id)
      call('ZREM', LEASES, id)
      if has_header(r) and byte(r, FLAGS) >= LIMITED then lanes().freed(id, r) end
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
      call('SETRANGE', RESULT .. id, STATE - 1, string.char(QUEUED))
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
  if known and flagged(r, AWAITED) and not flagged(r, KEEP_REQUEST) then
    conclude(id, r, FAILED, told)
    return
  end
  local before = known and r or '\128\161h\196(\1' .. string.rep('\0', 39)
  local last = '\131' .. sub(before, 2, 6) .. string.char(PARKED) .. sub(before, 8, 45) .. told .. '\167request' .. bin(r)
  local kept = kept_for(LONG, before)
  call('SET', RESULT .. id, last, 'PX', kept)
  call('PEXPIRE', P .. 'failures:' .. id, kept)
  call('ZADD', P .. 'parked', number(now), id)
  call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - LONG))
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
  local state, _, flags = byte(r, STATE, FLAGS)
  if has_ended(r) then return nil end
  if (state == DELAYED or state == RETRYING) and call('ZSCORE', P .. 'delayed', id) then return nil end
  local suspected = flags % LIMITED >= SUSPECT
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
    if not has_ended(call('GET', RESULT .. id)) then conclude(id, r, EXPIRED) end
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
  local alone = among_suspects and (bit.band(marks_of(r), BESIDE_OTHERS) == 0 or byte(r, DEATHS) > 1)
  if alone and (count > 0 or sub(ARGV[5], 1, 1) == '+') then
    call('LPUSH', P .. 'suspects', id)
    lone, barred = true, count == 0
    return nil
  end
  if flags >= LIMITED and not may_start(id, r) then
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
    local list = not has_header(r) and P .. 'queue' or flagged(r, SUSPECT) and P .. 'suspects' or list_of(r)
    call('LPUSH', list, ids[i])
  end
  for i = 1, count do
    local r = records[i]
    if has_header(r) and byte(r, FLAGS) >= LIMITED then lanes().freed(ids[i], r) end
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
@end
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
        local state, _, flags = byte(r, STATE, FLAGS)
        local deadline = struct.unpack('>d', r, DEADLINE)
        ordinary = state == QUEUED and flags >= least and flags < SUSPECT and #r <= largest
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
if count > 0 and not fault then${newFence}  local leases = { fence, '\0' .. worker .. ' ' .. ARGV[8] }
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
    while n < suspects and n < count and byte(records[n + 1], FLAGS) % LIMITED >= SUSPECT do
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
    rare.happened('started', ids[i], r, has_header(r) and struct.unpack('>H', r, ATTEMPT) + 1 or 1, worker, '')
  end
end
if rare then rare.publish() end
return { fence, now, due, left, math.min(suspects, count), table.concat(given) }
`,
);
