import { newFence } from "./fence.ts";
import { script } from "./script.ts";

/** Takes a lock, or a place in line for it. */
export const lockScript = script(
  "lock",
  "allow-oom",
  String.raw`
-- lock
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the lock's name
-- ARGV[3] -> id of the call that wants it; of one that runs without a lease, an id of its own
-- ARGV[4] -> fence of its claim; 0 for one without a lease
-- ARGV[5] -> a number that tells apart what one attempt wants
-- ARGV[6] -> how long it is kept at the most, ms: longer than the attempt may run
-- ARGV[7] -> '1' to wait in line if it is not free, '' to not
-- ARGV[8] -> for how long one without a lease stands from now, ms
-- Returns the lock's fence, larger than any before, if it is the owner's now or was before; '' if it is not free or
-- others come first; nil if the fence no longer holds the call.
local id, of = ARGV[3], ARGV[4]
local owner = of .. ' ' .. ARGV[5] .. ' ' .. id
local lock, line = P .. 'lock:' .. ARGV[2], P .. 'lock-line:' .. ARGV[2]
if of == '0' then
  call('SET', P .. 'alive:' .. id, '', 'PX', ARGV[8])
elseif not stands(owner) then
  return false
end

local before, holder = string.match(call('GET', lock) or '', '^(%d+) (.*)$')
if holder == owner then return before end
local first
if not holder or not stands(holder) then
  first = first_of(line)
  if not first or first == owner then
    local fence, fault
${newFence}    if fault then return fault end
    call('SET', lock, fence .. ' ' .. owner, 'PX', ARGV[6])
    call('ZREM', line, owner)
    return fence
  end
end
if ARGV[7] == '1' then
  call('ZADD', line, 'NX', number(now), owner)
  -- Those who wait ask again at intervals; what nobody asks for any more goes.
  call('PEXPIRE', line, 60000)
end
-- It is free, but its holder has died: who is first in line can't have heard of it.
if first then wake(first) end
return ''
`,
);
