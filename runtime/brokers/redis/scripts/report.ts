import { script } from "./script.ts";

/** What a worker says of attempts, but for their replies. */
export const reportScript = script(
  "report",
  "allow-oom",
  String.raw`
-- report
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2 ..] -> kind, id, fence, a, b, kind, id, fence, a, b, …; at most 1,000
--   'retry'    a: delay, ms    b: the attempt's error, MessagePack
--   'release'  a: '1' if its handler has begun, else ''           given back, to the head of its list
--   'limit'    a: the keys of its limits, 8 bytes                 given back unrun, to be judged by the next claim
--   'aside'    a: task                                            put aside for a worker that implements the task
--   'park'     a: record       b: ttl, ms                         nobody can run it
--   'progress' a: the progress, MessagePack
-- Returns the indexes (from 0) of those refused: their fence no longer holds the call, or it has ended.
local refused, claims, released = {}, {}, {}
-- A step returns whether its call's lease is to end only once the call stands at the head of its list.
local steps, fault = {}, nil

-- Writes an open call's state and attempts; its worker is done with it, so that it is no suspect any more. That its handler
-- may have begun with a worker that died is not forgotten with that.
local function returned(id, r, state, attempts)
  if not has_header(r) then return cleared(id) end
  local _, deaths, flags = byte(r, STATE, FLAGS)
  local marks = bit.band(marks_of(r), 255 - BESIDE_OTHERS - LOST_AMONG_OTHERS)
  if flags >= LIMITED then lanes().freed(id, r) end
  if flags % LIMITED >= SUSPECT then
    cleared(id)
    marks = bit.bor(marks, BEGUN)
  end
  local head = string.char(state, deaths, bit.band(flags, 255 - SUSPECT)) .. struct.pack('>H', math.min(attempts, 65535))
  call('SETRANGE', RESULT .. id, STATE - 1, head .. sub(r, GENERATION, GENERATION + 1) .. string.char(marks))
end
local function attempts_of(r) return has_header(r) and struct.unpack('>H', r, ATTEMPT) or 0 end

function steps.retry(id, r, after, failure)
  returned(id, r, RETRYING, attempts_of(r) + 1)
  if HEARD then happened('retrying', id, r, attempts_of(r) + 1, '', failure) end
  add_failure(id, failure)
  delay(id, now + after)
end
local function to_head(id, r)
  local list = P .. 'queue'
  if has_header(r) then list = flagged(r, SUSPECT) and P .. 'suspects' or list_of(r) end
  if list == P .. 'suspects' or not has_header(r) then call('HDEL', P .. 'suspected', id) end
  local ids = released[list]
  -- The last one first, so that they stand at the head in the order in which they were claimed.
  if ids then table.insert(ids, 1, id) else released[list] = { id } end
  return true
end
function steps.release(id, r, begun)
  if begun == '1' and has_header(r) then
    call('SETRANGE', RESULT .. id, MARKS - 1, string.char(bit.bor(marks_of(r), BEGUN)))
  end
  if not has_header(r) or byte(r, FLAGS) < LIMITED or not lanes().given_back(id, r) then
    return to_head(id, r)
  elseif flagged(r, SUSPECT) then
    cleared(id)
  end
end
function steps.limit(id, r, keys)
  if has_header(r) then
    r = patched(patched(r, FLAGS, string.char(bit.bor(byte(r, FLAGS), LIMITED))), KEYS_AT, keys)
    call('SETRANGE', RESULT .. id, 0, sub(r, 1, 45))
  end
  return to_head(id, r) -- It has been in no line.
end
function steps.aside(id, r, task)
  returned(id, r, QUEUED, attempts_of(r))
  put_aside(id, r, task)
  ring()
  if has_header(r) and list_of(r) == P .. 'queue:nested' then ring_nested() end
end
function steps.park(id, r, record, ttl)
  local kept = has_header(r) and kept_for(tonumber(ttl), r) or ttl
  call('SET', RESULT .. id, record, 'PX', kept)
  call('PEXPIRE', P .. 'failures:' .. id, kept)
  call('ZADD', P .. 'parked', number(now), id)
  call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - LONG))
  if has_header(r) then ended(id, r, record) else cleared(id) end
end
function steps.progress(id, r, value)
  call('SET', P .. 'progress:' .. id, value, 'PX', LONG)
  if HEARD then happened('progress', id, r, attempts_of(r) + 1, '', value) end
  if not has_header(r) then return end
  if not flagged(r, PROGRESS) then
    local flags = string.char(byte(r, FLAGS) + PROGRESS)
    call('SETRANGE', RESULT .. id, FLAGS - 1, flags)
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
`,
  { bulky: true },
);
