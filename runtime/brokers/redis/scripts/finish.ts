import { script } from "./script.ts";

/** Ends attempts with their replies. */
export const finishScript = script(
  "finish",
  "allow-oom",
  String.raw`
-- finish
-- KEYS[1] -> <namespace>:{<queue>}:queue
-- ARGV[1] -> clock offset, ms
-- ARGV[2 ..] -> id, fence, record, ttl (ms), id, fence, record, ttl, …; at most 1,000
-- Returns the indexes (from 0) of those refused: their fence no longer holds the call, or it has ended.
-- Reports by claim, as one look tells which of a claim's calls are still held.
local fences, reports = {}, {}
for at = 2, #ARGV, 4 do
  local fence = ARGV[at + 1]
  local of_claim = reports[fence]
  if not of_claim then
    of_claim = { size = 0 }
    reports[fence] = of_claim
    fences[#fences + 1] = fence
  end
  of_claim.size = of_claim.size + 1
  of_claim[of_claim.size] = at
end

@rarely scores_of, kept_for
local function scores_of(ats)
  local ids = {}
  for i, at in ipairs(ats) do ids[i] = ARGV[at] end
  return call('ZMSCORE', LEASES, unpack(ids))
end
@end
local rare

-- The ids that a fence holds, as a set; and how many there are, with who made the claim, if that is known.
local function held_by(fence, ats)
  local most, held = 2 * ats.size + 2, {}
  local members = call('ZRANGEBYSCORE', LEASES, fence, fence, 'LIMIT', 0, most)
  local size = #members
  if size < most then
    for i = 1, size do held[members[i]] = true end
    return held, size
  end
  -- Few of many: each is asked for by itself, though scores are dear to tell.
  rare = rare or rarely()
  local scores = rare.scores_of(ats)
  for i, at in ipairs(ats) do
    if scores[i] and tonumber(scores[i]) == tonumber(fence) then held[ARGV[at]] = true end
  end
  return held
end

local refused = {}
for i = 1, #fences do
  local fence = fences[i]
  local ats, done, count = reports[fence], {}, 0
  local held, size = held_by(fence, ats)
  local claimed, known_ttl, latest = tonumber(fence) / 1000, nil, nil
  for j = 1, ats.size do
    local at = ats[j]
    local id, r, ttl = ARGV[at], ARGV[at + 2], ARGV[at + 3]
    if held[id] then
      held[id] = nil
      count = count + 1
      done[count] = id
      local before = call('SET', RESULT .. id, r, 'PX', ttl, 'GET')
      if before and has_header(before) then
        -- Only if its deadline was that far when it was claimed, which its fence tells, the time is looked at.
        if ttl ~= known_ttl then known_ttl, latest = ttl, claimed + ttl end
        if deadline_of(before) > latest then
          rare = rare or rarely()
          call('PEXPIRE', RESULT .. id, rare.kept_for(tonumber(ttl), before))
        end
        ended(id, before, r)
      end
    else
      refused[#refused + 1] = (at - 2) / 4
    end
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
