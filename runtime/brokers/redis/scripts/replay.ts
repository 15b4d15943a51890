import { newFence } from "./fence.ts";
import { script } from "./script.ts";

/** Runs a call again that has ended. */
export const replayScript = script(
  "replay",
  "allow-oom",
  String.raw`
-- replay
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> id
-- ARGV[3] -> its request's record: state, deaths, attempt, fence and deadline 0, not awaited; its generation is the one
--            after that of the call
-- ARGV[4] -> '' to queue it, or the worker to which it is leased at once
-- ARGV[5] -> lease, ms
-- Returns 1 if it is queued, now or by an earlier sending; 2, fence, now (ms), and 1 if it is a suspect or 0, if it is
-- leased, now or by an earlier sending; 0, its record, and 1 if a worker has it or 0, if nothing was done, as it has not
-- ended or is of another generation; nil for a call that is unknown.
local id, r, worker = ARGV[2], ARGV[3], ARGV[4]
local holder = '\0' .. worker .. ' ' .. id
local old, held = look_up(id)
publish()
if not old then return nil end

-- How many generations the request is ahead of the call, if it is of the same call.
local ahead
if has_header(old) and sub(old, PRINT, PRINT + 7) == sub(r, PRINT, PRINT + 7) then
  ahead = (struct.unpack('>H', r, GENERATION) - struct.unpack('>H', old, GENERATION)) % 65536
end
if ahead == 0 then
  if worker == '' then return { 1 } end
  if held and call('ZSCORE', LEASES, holder) == held then
    return { 2, held, number(now), flagged(old, SUSPECT) and 1 or 0 }
  end
end
if ahead ~= 1 or not has_ended(old) then return { 0, old, held and 1 or 0 } end

local fence, fault
if worker ~= '' then${newFence}end
if fault then return fault end

-- A call whose workers died is a suspect from the start: its neighbours are not to die of it again. One that is delivered at
-- most once is none, for a suspect of that kind has begun.
local suspect = byte(old, STATE) == PARKED and sub(old, TO, TO + 5) ~= '\165error'
  and bit.band(marks_of(r), AT_MOST_ONCE) == 0
if suspect then r = patched(r, FLAGS, string.char(bit.bor(byte(r, FLAGS), SUSPECT))) end
call('SET', RESULT .. id, r)
if HEARD then
  happened('replayed', id, r, 0, worker, '')
  happened()
end
call('ZREM', P .. 'parked', id)
call('DEL', P .. 'failures:' .. id, P .. 'waiters:' .. id, P .. 'progress:' .. id)
if worker == '' then
  call('RPUSH', suspect and P .. 'suspects' or list_of(r), id)
  ring()
  return { 1 }
end
call('ZADD', LEASES, fence, holder, fence, id)
call('ZADD', P .. 'expiry', number(now + ARGV[5]), fence)
if suspect then call('HSET', P .. 'suspected', id, worker) end
return { 2, fence, number(now), suspect and 1 or 0 }
`,
);
