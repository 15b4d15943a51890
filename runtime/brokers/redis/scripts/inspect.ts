import { script } from "./script.ts";

/** Tells all that is kept of a call. */
export const inspectScript = script(
  "inspect",
  "allow-oom",
  String.raw`
-- inspect
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> id
-- Returns record, 1 if a worker has it or 0, when it was parked (ms) or nil, and then the errors (MessagePack) of its
-- last attempts, the oldest first; nil for a call that is unknown.
local id = ARGV[2]
local r, fence = look_up(id)
publish()
if not r then return nil end
local failures = call('LRANGE', P .. 'failures:' .. id, 0, -1)
return { r, fence and 1 or 0, call('ZSCORE', P .. 'parked', id), unpack(failures) }
`,
);
