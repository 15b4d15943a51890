import { script } from "./script.ts";

/** Learns which of some bells ring. */
export const ringingScript = script(
  "ringing",
  "allow-oom",
  String.raw`
-- ringing
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> how many tokens may be taken at the most
-- ARGV[3] -> 'bell' or 'bell:nested'
-- KEYS[2 ..] -> as KEYS[1], of further queues
-- Returns the indexes (from 0) of the queues whose bells rang. The tokens are taken: who has them claims from each of these.
local rang, most = {}, tonumber(ARGV[2])
for i, key in ipairs(KEYS) do
  if #rang >= most then break end
  -- A key of a wrong type counts, too: what is wrong is for the claim to tell.
  if redis.pcall('LPOP', sub(key, 1, -6) .. ARGV[3]) then rang[#rang + 1] = i - 1 end
end
return rang
`,
);
