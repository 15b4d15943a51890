import { script } from "./script.ts";

/** Forgets a parked call, or any that has ended. */
export const discardScript = script(
  "discard",
  "allow-oom",
  String.raw`
-- discard
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> id
-- ARGV[3] -> '1' if it may have ended in any way; '' or missing otherwise
-- ARGV[4] -> a nonce: the same one gets the same answer again, any other does not; may be missing
-- Returns 1 if the call was parked, or may have ended otherwise, and is gone now; else 0, its record, 1 if a worker has it or 0; nil for a call that
-- is unknown.
local id, nonce = ARGV[2], ARGV[4]
local mark = P .. 'forgotten:' .. id
if nonce and call('GET', mark) == nonce then return { 1 } end
local r, fence = look_up(id)
publish()
if r and not (has_header(r) and byte(r, STATE) == PARKED) and not (ARGV[3] == '1' and has_ended(r)) then
  return { 0, r, fence and 1 or 0 }
end
call('ZREM', P .. 'parked', id)
if not r then return nil end
call('DEL', RESULT .. id, P .. 'failures:' .. id)
-- For as long as it may be sent again.
if nonce then call('SET', mark, nonce, 'PX', 60000) end
return { 1 }
`,
);
