import { script } from "./script.ts";

/** Ends attempts with their replies. */
export const finishScript = script(
  "finish",
  "allow-oom",
  String.raw`
-- finish
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2 ..] -> groups of replies that have fence and ttl in common: fence, ttl (ms), number n, n times: id, record; at
--               most 1,000 replies in all
-- Returns the indexes (from 0, over all groups) of those refused: their fence no longer holds the call, or it has ended.
@rarely scores_of, kept_for
local function scores_of(first, n)
  local ids = {}
  for i = 1, n do ids[i] = ARGV[first + 2 * i - 2] end
  return call('ZMSCORE', LEASES, unpack(ids))
end
@end
local rare

-- The ids that a fence holds, as a set; and how many there are, with who made the claim, if that is known.
local function held_by(fence, first, n)
  local most, held = 2 * n + 2, {}
  local members = call('ZRANGEBYSCORE', LEASES, fence, fence, 'LIMIT', 0, most)
  local size = #members
  if size < most then
    for i = 1, size do held[members[i]] = true end
    return held, size
  end
  -- Few of many: each is asked for by itself, though scores are dear to tell.
  rare = rare or rarely()
  local scores = rare.scores_of(first, n)
  for i = 1, n do
    if scores[i] and tonumber(scores[i]) == tonumber(fence) then held[ARGV[first + 2 * i - 2]] = true end
  end
  return held
end

local refused, index, at = {}, 0, 2
while at < #ARGV do
  local fence, ttl, n, first = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), at + 3
  local held, size = held_by(fence, first, n)
  local done, count = {}, 0
  -- A call that could be submitted again later than this was claimed with a later deadline: its record stays longer.
  local latest = tonumber(fence) / 1000 + ttl
  at = first + 2 * n
  for place = first, at - 2, 2 do
    local id, r = ARGV[place], ARGV[place + 1]
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
