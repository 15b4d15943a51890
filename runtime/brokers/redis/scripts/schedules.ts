import { script } from "./script.ts";

/** Tells how the schedules of a queue stand. */
export const schedulesScript = script(
  "schedules",
  "allow-oom",
  String.raw`
-- schedules
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns now (ms), and then a task, its last slot (ms), its next one (ms) or '', the id of its last call or '', and '1'
-- if it is paused or '', task, …
local S = P .. 'schedules'
local found, reply = {}, { number(now) }
local flat = call('HGETALL', S)
for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
for task, last in pairs(found) do
  if not string.find(task, ' ', 1, true) then
    local at = #reply
    reply[at + 1], reply[at + 2], reply[at + 3] = task, last, found[task .. ' next'] or ''
    reply[at + 4], reply[at + 5] = found[task .. ' call'] or '', found[task .. ' paused'] or ''
  end
end
return reply
`,
);
