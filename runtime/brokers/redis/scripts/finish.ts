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
@rarely kept_for, ended, cleared, publish
@end
local rare

local refused, index = {}, 0
-- What stands in a message before an id, and before a record, of the lengths that the last ones had.
local before_id, id_size, before_record, record_size
for at = 2, #ARGV - 2, 3 do
  local fence, ttl = ARGV[at], ARGV[at + 1]
  local ids, records, n = unpack_calls(ARGV[at + 2])
  -- The ids that the fence holds, as a set; and how many there are, with who made the claim, if that is known.
  local most, held, size = 2 * n + 2, {}, nil
  local members = call('ZRANGEBYSCORE', LEASES, fence, fence, 'LIMIT', 0, most)
  if #members < most then
    size = #members
    for i = 1, size do held[members[i]] = true end
  else
    -- Few of many: each is asked for by itself, though scores are dear to tell.
    local scores = call('ZMSCORE', LEASES, unpack(ids))
    for i = 1, n do
      if scores[i] and tonumber(scores[i]) == tonumber(fence) then held[ids[i]] = true end
    end
  end
  local done, count = {}, 0
  -- A call that could be submitted again later than this was claimed with a later deadline: its record stays longer.
  local latest = tonumber(fence) / 1000 + ttl
  -- Those of one client mostly begin alike. Of what ends as ordinary calls do: header and client, whose name has ten characters
  -- as ours have, or fewer → the client, '' for none.
  local ordinary = {}
  for i = 1, n do
    local id, r = ids[i], records[i]
    if held[id] then
      held[id] = nil
      count = count + 1
      done[count] = id
      local before = call('SET', RESULT .. id, r, 'PX', ttl, 'GET')
      local begin = before and sub(before, 1, TO + 13)
      local to = begin and ordinary[begin] or nil
      if to == nil and not (begin and has_header(before)) then
        -- Its record was lost, and with it that it is a suspect.
        rare = rare or rarely()
        rare.cleared(id)
      elseif to == nil then
        local longer = struct.unpack('>d', before, DEADLINE) > latest
        if longer then
          rare = rare or rarely()
          call('PEXPIRE', RESULT .. id, rare.kept_for(tonumber(ttl), before))
        end
        local deaths, flags, high, low = byte(before, DEATHS, ATTEMPT + 1)
        to = to_of(before) or ''
        if HEARD or flags >= SUSPECT or flags % 16 >= WAITERS or deaths + high + low > 0 then to = false
        elseif not longer and #to <= 10 then ordinary[begin] = to end
      end
      if to == false or to and (#r > 8192 or told > 1048576) then
        rare = rare or rarely()
        rare.ended(id, before, r)
      elseif to and to ~= '' then
        -- What ended does with an ordinary one.
        told = told + #r
        if #id ~= id_size then
          id_size = #id
          before_id = '\147\0\218' .. struct.pack('>H', id_size)
        end
        if #r ~= record_size then
          record_size = #r
          before_record = '\198' .. struct.pack('>I4', record_size)
        end
        local message = messages[to]
        if not message then
          message = {}
          messages[to] = message
        end
        local last = #message
        message[last + 1], message[last + 2], message[last + 3], message[last + 4] = before_id, id, before_record, r
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
if rare then rare.publish() else tell_all() end
return refused
`,
  { bulky: true },
);
