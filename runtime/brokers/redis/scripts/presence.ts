import { script } from "./script.ts";

/** The workers that listen. */
export const presenceScript = script(
  "presence",
  "allow-oom",
  String.raw`
-- presence
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- Returns worker, presence (MessagePack), worker, presence, …; '' for one that is larger than 1 MiB
local reply = {}
for _, worker in ipairs(call('ZRANGEBYSCORE', P .. 'workers', '(' .. number(now), '+inf')) do
  local presence = call('MGET', P .. 'worker:' .. worker)[1]
  if presence then
    reply[#reply + 1] = worker
    reply[#reply + 1] = #presence <= 1048576 and presence or ''
  end
end
return reply
`,
);
