import { script } from "./script.ts";

/** Looks calls up. */
export const readScript = script(
  "read",
  "allow-oom",
  String.raw`
-- read
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> '' or a client to be told, too, when one of the calls ends
-- ARGV[3 ..] -> ids, at most 1,000
-- Returns for each id: record, 1 if a worker has it or 0, progress or nil. The record is nil if the call is unknown.
-- A large reply ends early: ask for the other ids again.
local reply, bytes = {}, 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local r, fence = look_up(id)
  local progress = false
  if r and not has_ended(r) then
    if ARGV[2] ~= '' and not has_header(r) then r = adopted(id, r) end
    if has_header(r) then add_waiter(id, r, ARGV[2]) end
    if not has_header(r) or flagged(r, PROGRESS) then progress = call('MGET', P .. 'progress:' .. id)[1] end
  end
  local at = 3 * (i - 3)
  reply[at + 1], reply[at + 2], reply[at + 3] = r, fence and 1 or 0, progress
  bytes = bytes + (r and #r or 0)
  if bytes > 4194304 then break end
end
publish()
return reply
`,
);
