import { script } from "./script.ts";

/** The workers that listen. */
export const presenceScript = script(
  "presence",
  "allow-oom",
  String.raw`
-- presence
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns worker, presence (MessagePack), worker, presence, …
local reply = {}
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'workers', '(' .. number(now), '+inf')) do
  local presence = call('GET', P .. 'worker:' .. worker)
  if presence then
    reply[#reply + 1] = worker
    reply[#reply + 1] = presence
  end
end
return reply
`,
);
