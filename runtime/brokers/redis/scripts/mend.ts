/**
 * How a beat mends what waits for limits. Text of `reap` alone: what is lost to a lane, with a key or a record that others
 * have taken away, or a call that a plain listener has taken, is found by looking at some lanes with each beat, one after
 * the other, and so at all of them in time.
 */
export const mendLanes = String.raw`
-- How long a call that was let go on may be on its way, s; and how deep in its list it may stand. Of one that can't be
-- found in a longer list it is not certain that it is gone: it has more time.
local FRESH, DEEP, LONG_WAY = 5, 10000, 60

local function mend()
  local L, MENDING, seen = lanes(), P .. 'mending', {}
  local function is_paused(name) return call('HEXISTS', P .. 'paused', name) == 1 end

  -- Where in a hash or a set the beat before has ended; and what was found since.
  local function from(name) return call('HGET', MENDING, name) or '0' end
  local function found_in(name, scan)
    if scan[1] == '0' then
      call('HDEL', MENDING, name)
    else
      call('HSET', MENDING, name, scan[1])
      call('PEXPIRE', MENDING, 60000)
    end
    return scan[2]
  end

  -- Whether a call that was let go on is in its list no more. Out of its line, it comes to no harm should it be: it is
  -- judged anew then.
  local function is_gone(id, since)
    local r = call('GETRANGE', RESULT .. id, 0, 44)
    if not has_header(r) or has_ended(r) or byte(r, FLAGS) < LIMITED then return true end
    local list = flagged(r, SUSPECT) and P .. 'suspects' or list_of(r)
    if call('LPOS', list, id, 'MAXLEN', DEEP) then return false end
    return since < TIME[1] - LONG_WAY or call('LLEN', list) <= DEEP
  end

  -- A lane whose first call was let go on, and did not come.
  local function mend_invited(lane, since)
    local line, gone = P .. 'line:' .. lane, false
    local first = call('ZRANGE', line, 0, 0)
    -- Where that is a suspect, the first of the others was let go on, too.
    local head = first[1] and call('GETRANGE', RESULT .. first[1], 0, 44) or ''
    if has_header(head) and flagged(head, SUSPECT) then
      first[2] = call('ZRANGE', line, '0', '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
    end
    for _, id in ipairs(first) do
      if is_gone(id, since) then
        L.leave(lane, id)
        gone = true
      end
    end
    if (gone or not first[1]) and L.invite(lane) < 2 then
      local hashes = sub(lane, -17)
      local task = sub(lane, 1, -19)
      L.pass('slots:' .. task .. ':' .. sub(hashes, 1, 8))
      L.pass('starts:' .. task .. ':' .. sub(hashes, 10))
    end
  end

  -- The slots of calls that no worker has.
  local function mend_slots(slots)
    local ids, freed = found_in(slots, call('SSCAN', P .. slots, from(slots), 'COUNT', 100)), 0
    local fences = #ids > 0 and call('ZMSCORE', LEASES, unpack(ids))
    for i, id in ipairs(ids) do
      if not fences[i] then freed = freed + call('SREM', P .. slots, id) end
    end
    if call('EXISTS', P .. slots) == 0 then freed = math.max(freed, 1) end
    for _ = 1, freed do
      if not L.pass(slots) then break end
    end
  end

  local found = found_in('lanes', call('HSCAN', P .. 'lanes', from('lanes'), 'COUNT', 20))
  for i = 1, #found, 2 do
    local lane, waits = found[i], found[i + 1]
    local since = tonumber(waits)
    if since then
      if since < TIME[1] - FRESH and not is_paused('*') and not is_paused(sub(lane, 1, -19)) then
        mend_invited(lane, since)
      end
    elseif call('EXISTS', P .. 'turns:' .. waits) == 0 then
      L.invite(lane)
    elseif not seen[waits] then
      seen[waits] = true
      if sub(waits, 1, 6) == 'slots:' then
        mend_slots(waits)
      elseif not call('ZSCORE', P .. 'delayed', '\0' .. waits) then
        delay('\0' .. waits, now)
      end
    end
  end
end
`;
