import { script } from "./script.ts";

/** Takes a call out of its queue if no worker has it, or had it. */
export const revokeScript = script(
  "revoke",
  "allow-oom",
  String.raw`
-- revoke
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> id
-- ARGV[3] -> nonce: the same one gets the same answer again
-- Returns 1 if the call was taken back: no worker has had it, and none will. Else 0.
local id, mark = ARGV[2], '\165nonce' .. str(ARGV[3])
local r, fence = look_up(id)
if r and not has_header(r) and not has_ended(r) then r = adopted(id, r) end
local answer = 0
if r and has_header(r) then
  if has_ended(r) then
    answer = sub(r, TO) == mark and 1 or 0
  elseif not fence and not has_begun(r) then
    conclude(id, r, CANCELED, mark)
    answer = 1
  end
end
publish()
return answer
`,
);
