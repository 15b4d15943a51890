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
local function told(kind, who) happened(kind, who, '', 0, who, '') end
if holds > 0 then
  call('SET', P .. 'worker:' .. worker, ARGV[5], 'PX', math.ceil(holds))
  if call('ZADD', P .. 'workers', number(now + holds), worker) == 1 and HEARD then told('workerUp', worker) end
else
  call('DEL', P .. 'worker:' .. worker)
  if call('ZREM', P .. 'workers', worker) == 1 and HEARD then told('workerDown', worker) end
end
if HEARD then
  for _, gone in ipairs(call('ZRANGEBYSCORE', P .. 'workers', '-inf', number(now))) do told('workerDown', gone) end
  happened()
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
