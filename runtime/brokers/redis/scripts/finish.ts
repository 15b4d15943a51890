import { script } from "./script.ts";

/** Ends attempts with their replies. */
export const finishScript = script(
  "finish",
  "allow-oom",
  String.raw`
-- finish
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2 ..] -> groups of replies that have fence and ttl in common: fence, ttl (ms), packed: id, record, id, record, …;
--               at most 1,000 replies in all
-- Returns the indexes (from 0, over all groups) of those refused: their fence no longer holds the call, or it has ended.
@rarely kept_for
@end
local rare

-- The ids that a fence holds, as a set; and how many there are, with who made the claim, if that is known.
local function held_by(fence, ids, n)
  local most, held = 2 * n + 2, {}
  local members = call('ZRANGEBYSCORE', LEASES, fence, fence, 'LIMIT', 0, most)
  local size = #members
  if size < most then
    for i = 1, size do held[members[i]] = true end
    return held, size
  end
  -- Few of many: each is asked for by itself, though scores are dear to tell.
  local scores = call('ZMSCORE', LEASES, unpack(ids))
  for i = 1, n do
    if scores[i] and tonumber(scores[i]) == tonumber(fence) then held[ids[i]] = true end
  end
  return held
end

local refused, index = {}, 0
for at = 2, #ARGV - 2, 3 do
  local fence, ttl = ARGV[at], ARGV[at + 1]
  local ids, records, n = unpack_calls(ARGV[at + 2])
  local held, size = held_by(fence, ids, n)
  local done, count = {}, 0
  -- A call that could be submitted again later than this was claimed with a later deadline: its record stays longer.
  local latest = tonumber(fence) / 1000 + ttl
  for i = 1, n do
    local id, r = ids[i], records[i]
    if held[id] then
      held[id] = nil
      count = count + 1
      done[count] = id
      local before = call('SET', RESULT .. id, r, 'PX', ttl, 'GET')
      if before and has_header(before) then
        if deadline_of(before) > latest then
          rare = rare or rarely()
          call('PEXPIRE', RESULT .. id, rare.kept_for(tonumber(ttl), before))
        end
        ended(id, before, r)
      end
    else
      refused[#refused + 1] = index
    end
    index = index + 1
  end
  if count > 0 and size == count + 1 then
    call('ZREMRANGEBYSCORE', LEASES, fence, fence)
    call('ZREM', P .. 'expiry', fence)
  elseif count > 0 then
    call('ZREM', LEASES, unpack(done))
  end
end
publish()
return refused
`,
);
