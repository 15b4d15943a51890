import { mendLanes } from "./mend.ts";
import { script } from "./script.ts";

/** Takes back calls whose lease has lapsed. */
export const reapScript = script(
  "reap",
  "allow-oom",
  String.raw`
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
  local attempt = math.min(struct.unpack('>H', r, ATTEMPT) + 1, 65535)
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
    r = '\129\161h\196(\1' .. string.char(QUEUED, 1) .. string.rep('\0', 37)
    call('SET', RESULT .. id, r)
    call('HDEL', P .. 'suspected', id)
    deaths_allowed = 1
  end
  local deaths, flags = byte(r, DEATHS, FLAGS)
  local marks, own = marks_of(r), byte(r, MOST_DEATHS)
  if own > 0 and byte(r, MARKS) < FENCED and most > 0 then deaths_allowed = own end
  local once = bit.band(marks, AT_MOST_ONCE) ~= 0
  local was_suspect = flags % LIMITED >= SUSPECT
  local was_lost = was_suspect and bit.band(marks, LOST_AMONG_OTHERS) ~= 0
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
  marks = bit.bor(bit.band(marks, AT_MOST_ONCE), BEGUN, beside and BESIDE_OTHERS or 0, among_others and LOST_AMONG_OTHERS or 0)
  local function mark(state, flags)
    return patched(patched(r, STATE, string.char(state, deaths, flags)), MARKS, string.char(marks))
  end
  local deadline = deadline_of(r)
  if flagged(r, AWAITED) and deadline > 0 and deadline <= now then
    conclude(id, mark(QUEUED, flags), EXPIRED)
  elseif charged and (once or deaths >= deaths_allowed) then
    -- The request stays as it is, to be run again.
    local last = mark(PARKED, flags)
    call('SETRANGE', RESULT .. id, 0, sub(last, 1, 45))
    local kept = kept_for(LONG, last)
    call('PEXPIRE', RESULT .. id, kept)
    call('PEXPIRE', P .. 'failures:' .. id, kept)
    call('ZADD', P .. 'parked', number(now), id)
    call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - LONG))
    ended(id, last, '\129' .. sub(last, 2, 45))
  else
    if flags >= LIMITED then lanes().freed(id, r) end
    if HEARD then happened('reclaimed', id, r, struct.unpack('>H', r, ATTEMPT) + 1, worker, '') end
    if not was_suspect then flags = flags + SUSPECT end
    call('SETRANGE', RESULT .. id, 0, sub(mark(QUEUED, flags), 1, 45))
    suspects[#suspects + 1] = id
  end
  return true
end

${mendLanes}
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
`,
);
