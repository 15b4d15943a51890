import { script } from "./script.ts";

/** Pauses a queue or a task, or goes on with it. */
export const haltScript = script(
  "halt",
  "allow-oom",
  String.raw`
-- halt
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> the task's name, or '*' for the queue
-- ARGV[3] -> '1' to let no more of its calls be claimed, '0' to go on, '' to change nothing
-- Returns the names of what is paused.
if ARGV[3] == '1' then
  call('HSET', P .. 'paused', ARGV[2], '1')
elseif ARGV[3] == '0' and call('HDEL', P .. 'paused', ARGV[2]) == 1 then
  ring()
  ring_nested()
end
local flat, names = call('HGETALL', P .. 'paused'), {}
for i = 1, #flat, 2 do names[#names + 1] = flat[i] end
return names
`,
);
