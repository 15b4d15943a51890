import { script } from "./script.ts";

/** Pauses a schedule, or goes on with it. */
export const pauseScript = script(
  "pause",
  "allow-oom",
  String.raw`
-- pause
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the task's name
-- ARGV[3] -> '1' to let slots pass without a call, '' to fire those from now on
-- Returns nothing.
local task = ARGV[2]
local S = P .. 'schedules'
call('HSETNX', S, task, number(math.floor(now)))
if ARGV[3] == '1' then
  call('HSET', S, task .. ' paused', '1')
elseif call('HDEL', S, task .. ' paused') == 1 then
  call('HSET', S, task, number(math.floor(now)))
end
`,
);
