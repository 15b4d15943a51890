import { script } from "./script.ts";

/** Ends a call that has not ended. */
export const cancelScript = script(
  "cancel",
  "allow-oom",
  String.raw`
-- cancel
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> id
-- Returns the call's record, ended by now; nil for one that is unknown.
local id = ARGV[2]
local r, fence = look_up(id)
if r and not has_header(r) and not has_ended(r) then r = adopted(id, r) end
if r and has_header(r) and not has_ended(r) then
  r = conclude(id, r, CANCELED)
  if fence then
    call('ZREM', LEASES, id)
    close_claims({ [fence] = true })
    local channel = NS .. ':worker:' .. sub(P, #NS + 3, -3)
    call('PUBLISH', channel, '\147\2' .. str(id) .. '\203' .. struct.pack('>d', tonumber(fence)))
  end
end
publish()
return r
`,
);
