import { script } from "./script.ts";

/** Tells of a schedule, and stores and queues the call of a slot that is due. */
export const fireScript = script(
  "fire",
  "refusable",
  String.raw`
-- fire
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the task's name
-- ARGV[3] -> its next slot, ms; '' for none
-- ARGV[4] -> '' to tell of the schedule alone, or the slot that is due, ms
-- ARGV[5] -> id of the slot's call
-- ARGV[6] -> its record, with a header and without a deadline
-- ARGV[7] -> when it is to be queued, ms: the slot, or later
-- ARGV[8] -> '1' to leave the slot out while the call before is open, else ''
-- Returns 0 if there was no slot; 1 if its call was stored; 2 if it or a later one was fired before; 3 if it was left out
-- for the call before; 4 if the schedule is paused; 5 if it is not due by Redis's time.
local task, slot, id, r = ARGV[2], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local S = P .. 'schedules'
local last = tonumber(call('HGET', S, task) or '')
-- A last slot more than a day ahead was a mistake of the clock: it begins anew, as one that nobody had told of.
if not last or last > now + 86400000 then
  last = math.floor(now)
  call('HSET', S, task, number(last))
end
-- A worker that looked before another one fired may be late with its word.
if ARGV[3] == '' then
  call('HDEL', S, task .. ' next')
elseif tonumber(ARGV[3]) > last then
  call('HSET', S, task .. ' next', ARGV[3])
end
if not slot then return 0 end
if slot > now then return 5 end
if slot <= last then return 2 end

call('HSET', S, task, ARGV[4])
if call('HEXISTS', S, task .. ' paused') == 1 then return 4 end
local before = ARGV[8] == '1' and call('HGET', S, task .. ' call')
if before then
  before = look_up(before)
  publish()
  if before and not has_ended(before) then return 3 end
end
call('HSET', S, task .. ' call', id)
local due = tonumber(ARGV[7])
if due > now then r = patched(r, STATE, string.char(DELAYED)) end
if call('SETNX', RESULT .. id, r) == 0 then return 2 end
if HEARD then
  happened(due > now and 'delayed' or 'queued', id, r, 0, '', '')
  happened()
end
if due > now then
  delay(id, due)
else
  call('RPUSH', list_of(r), id)
  ring()
end
return 1
`,
);
