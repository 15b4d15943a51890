import { script } from "./script.ts";

/** Looks calls up. */
export const readScript = script(
  "read",
  "allow-oom",
  String.raw`
-- read
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> '' or a client to be told, too, when one of the calls ends. A blank before it: of the record of a call that has not
--            ended, the first 45 bytes will do
-- ARGV[3 ..] -> ids, at most 1,000
-- Returns for each id: record, 1 if a worker has it or 0, progress or nil. The record is nil if the call is unknown.
-- A large reply ends early: ask for the other ids again.
local reply, bytes = {}, 0
local brief = sub(ARGV[2], 1, 1) == ' '
local waiter = brief and sub(ARGV[2], 2) or ARGV[2]
for i = 3, #ARGV do
  local id = ARGV[i]
  local r, fence = look_up(id)
  local progress = false
  if r and not has_ended(r) then
    if waiter ~= '' and not has_header(r) then r = adopted(id, r) end
    if has_header(r) then add_waiter(id, r, waiter) end
    if not has_header(r) or flagged(r, PROGRESS) then progress = call('MGET', P .. 'progress:' .. id)[1] end
  end
  if brief and r and not has_ended(r) then r = sub(r, 1, 45) end
  local at = 3 * (i - 3)
  reply[at + 1], reply[at + 2], reply[at + 3] = r, fence and 1 or 0, progress
  bytes = bytes + (r and #r or 0)
  if bytes > 524288 then break end
end
publish()
return reply
`,
);
