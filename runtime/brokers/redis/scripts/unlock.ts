import { script } from "./script.ts";

/** Gives a lock back, or a place in line up. */
export const unlockScript = script(
  "unlock",
  "allow-oom",
  String.raw`
-- unlock
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the lock's name
-- ARGV[3], ARGV[4], ARGV[5] -> id, fence and number of its owner, as it was locked
-- Returns nothing.
local owner = ARGV[4] .. ' ' .. ARGV[5] .. ' ' .. ARGV[3]
local lock, line = P .. 'lock:' .. ARGV[2], P .. 'lock-line:' .. ARGV[2]
call('ZREM', line, owner)
local holder = string.match(call('GET', lock) or '', '^%d+ (.*)$')
if holder == owner then
  call('DEL', lock)
elseif holder and stands(holder) then
  return
end
local first = first_of(line)
if first then wake(first) end
`,
);
