import { script } from "./script.ts";

/** One beat of a worker: its leases and its presence are kept. */
export const renewScript = script(
  "renew",
  "allow-oom",
  String.raw`
-- renew
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2] -> worker's id
-- ARGV[3] -> lease, ms
-- ARGV[4] -> how long the presence holds, ms; 0 takes it away
-- ARGV[5] -> the presence, MessagePack
-- ARGV[6 ..] -> fences, at most 1,000
-- Returns the fences that hold no call of this worker: their lease has lapsed and was taken back, or the calls have ended.
local worker, holds = ARGV[2], tonumber(ARGV[4])
if holds > 0 then
  call('SET', P .. 'worker:' .. worker, ARGV[5], 'PX', math.ceil(holds))
  call('ZADD', P .. 'workers', number(now + holds), worker)
else
  call('DEL', P .. 'worker:' .. worker)
  call('ZREM', P .. 'workers', worker)
end
call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', number(now))

local lost, kept = {}, {}
local till = number(now + ARGV[3])
for i = 6, #ARGV do
  if holder_of(ARGV[i]) == worker then
    kept[#kept + 1] = till
    kept[#kept + 1] = ARGV[i]
  else
    lost[#lost + 1] = ARGV[i]
  end
end
if #kept > 0 then call('ZADD', P .. 'expiry', 'XX', unpack(kept)) end
return lost
`,
);
