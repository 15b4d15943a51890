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
-- ARGV[2] -> how often a call's worker may die before it is parked
-- ARGV[3] -> lease, ms: for how long a worker that died with a suspect is known to have done so
-- Returns how many calls were taken back, at most 100; 1 if there are more, or 0; and how many wait in the lists now.
--
-- If a worker that died had a suspect, that one alone is charged with its death; else all its calls are. All become
-- suspects, for the one to blame may be among them.
--
-- Calls that are put aside, stand in a line, or wait in a queue that is paused end here by their deadlines.
local most = tonumber(ARGV[2])
local reaped, suspects, fault = 0, {}, nil

local with_suspect = {}
for _, worker in ipairs(call('HVALS', P .. 'suspected')) do with_suspect[worker] = true end
call('ZREMRANGEBYSCORE', P .. 'excused', '-inf', number(now))
local function is_excused(worker)
  if not with_suspect[worker] then return call('ZSCORE', P .. 'excused', worker) and true end
  -- Its other leases may lapse a little later.
  call('ZADD', P .. 'excused', number(now + ARGV[3]), worker)
  return true
end

-- The error of an attempt whose worker died: { code, message, attempt, worker }.
local function worker_lost(r, worker)
  local attempt = math.min(struct.unpack('>H', r, ATTEMPT) + 1, 65535)
  return '\132\164code\171worker_lost\167message\175its worker died\167attempt\205' .. struct.pack('>H', attempt)
    .. '\166worker' .. str(worker)
end

local function take_back(id, worker, excused)
  local r, deaths_allowed = call('GETRANGE', RESULT .. id, 0, 511), most
  if not has_header(r) then
    -- Foreign bytes, in which no death can be counted: who is to say what they do to the next worker.
    r = '\129\161h\196(\1' .. string.char(QUEUED, 1) .. string.rep('\0', 37)
    call('SET', RESULT .. id, r)
    deaths_allowed = 1
  end
  local deaths, flags = byte(r, DEATHS, FLAGS)
  local was_suspect = flags % LIMITED >= SUSPECT
  local charged = was_suspect or not excused
  if charged then
    deaths = math.min(deaths + 1, 255)
    add_failure(id, worker_lost(r, worker))
  end
  if was_suspect then call('HDEL', P .. 'suspected', id) end
  local function mark(state, flags) return patched(r, STATE, string.char(state, deaths, flags)) end
  local deadline = deadline_of(r)
  if flagged(r, AWAITED) and deadline > 0 and deadline <= now then
    conclude(id, mark(QUEUED, flags), EXPIRED)
  elseif charged and deaths >= deaths_allowed then
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
  if reaped >= 100 then
    more = 1
    break
  end
  -- What is no number is no fence: an error here would keep all other leases from being taken back.
  local score = tonumber(fence)
  score = score == score and score and number(score) or '-inf'
  local worker = holder_of(score) or ''
  local excused = is_excused(worker)
  local most_ids, taken = 101 - reaped, {}
  local members = call('ZRANGEBYSCORE', LEASES, score, score, 'LIMIT', 0, most_ids)
  local stay = false
  for _, id in ipairs(members) do
    if byte(id) ~= 0 then
      -- One that can't be taken back, as a key of a wrong type is in its way, stays leased. The others go, and are charged
      -- no more than once.
      local done, answer = pcall(take_back, id, worker, excused)
      if done then
        taken[#taken + 1] = id
      else
        stay, fault = true, { err = answer.err or answer }
      end
    end
  end
  reaped = reaped + #taken
  if stay then
    if #taken > 0 then call('ZREM', LEASES, unpack(taken)) end
  elseif #members < most_ids then
    call('ZREMRANGEBYSCORE', LEASES, score, score)
    call('ZREM', P .. 'expiry', fence)
  else
    call('ZREM', LEASES, unpack(taken))
    more = 1
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
