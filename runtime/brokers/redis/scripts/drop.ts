import { script } from "./script.ts";

/** Deletes what is left of a queue that nobody will serve any more. */
export const dropScript = script(
  "drop",
  "allow-oom",
  String.raw`
-- drop
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns 1 if no call waits or runs in the queue, and its keys are gone, or go with its parked calls; 0 if nothing was done.
local guard = call('ZSCORE', LEASES, string.rep('\0', 65)) and 1 or 0
if call('ZCARD', LEASES) - call('ZCARD', P .. 'expiry') > guard then return 0 end
if tonumber(call('GET', P .. 'blocked') or 0) > 0 then return 0 end
for _, key in ipairs({ 'queue', 'queue:high', 'queue:low', 'queue:nested', 'suspects', 'delayed', 'asides', 'schedules' }) do
  if call('EXISTS', P .. key) == 1 then return 0 end
end
call('ZREMRANGEBYSCORE', P .. 'parked', '-inf', number(now - LONG))
local parked = call('EXISTS', P .. 'parked') == 1
-- A parked call may be replayed, with a fence larger than any before.
for _, key in ipairs({ 'parked', 'fence', 'leases' }) do
  if parked then call('PEXPIRE', P .. key, LONG) else call('DEL', P .. key) end
end
call('DEL', P .. 'bell', P .. 'bell:nested', P .. 'expiry', P .. 'suspected', P .. 'excused', P .. 'workers', P .. 'paused',
  P .. 'blocked', P .. 'lanes', P .. 'deadlines')
return 1
`,
);
