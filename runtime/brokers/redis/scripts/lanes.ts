/**
 * What the scripts know of limits and pauses. A lane is the calls of one task whose keys are the same, a gate one of its
 * limits: `slots:…`, how many run, or `starts:…`, when the last ones began. Calls of a lane whose gate is shut wait in
 * its line, and only the first of them goes back to its list, when the gate opens: `line`, `lanes` and `turns` of the
 * protocol's page.
 *
 * All of it is one function, so that steps without limited calls pay for no more than that; and it has no need of the
 * time, which `finish` does not ask for.
 */
export const lanesPart = String.raw`
local lanes_made
local function lanes()
  if lanes_made then return lanes_made end
  local L, LANES = {}, P .. 'lanes'

  -- The task of a record with a header; nil where it does not stand behind the header and the client.
  function L.task_of(r)
    local to = to_of(r)
    local at = to and TO + 4 + #to or TO
    local head, length = byte(r, at + 5, at + 6)
    if not length or sub(r, at, at + 4) ~= '\164task' then return nil end
    if head == 217 then
      at = at + 1
    else
      length = head - 160
    end
    local task = sub(r, at + 6, at + 5 + length)
    if length > 0 and #task == length and (head == 217 or length < 32) then return task end
  end

  -- A limited call's lane, its gates, and its task; nil where the record hides the task.
  function L.of(r)
    local task = L.task_of(r)
    if not task then return nil end
    local slots, starts = struct.unpack('>I4I4', r, KEYS_AT)
    slots, starts = string.format(':%08x', slots), string.format(':%08x', starts)
    return task .. slots .. starts, 'slots:' .. task .. slots, 'starts:' .. task .. starts, task
  end

  -- Takes a call out of its lane's line. Returns whether it was there.
  function L.leave(lane, id)
    if call('ZREM', P .. 'line:' .. lane, id) == 0 then return false end
    call('DECR', P .. 'blocked')
    return true
  end

  -- Lets the first call of a lane go to the head of its list, to be judged by the next claim. Returns whether there is one.
  function L.invite(lane)
    while true do
      local id = call('ZRANGE', P .. 'line:' .. lane, 0, 0)[1]
      if not id then
        call('HDEL', LANES, lane)
        return false
      end
      local r = call('GETRANGE', RESULT .. id, 0, 44)
      if has_header(r) and byte(r, STATE) < 4 and byte(r, FLAGS) >= LIMITED then
        local flags = byte(r, FLAGS)
        local priority = bit.band(flags, 48)
        local list = flags % LIMITED >= SUSPECT and 'suspects' or priority == 16 and 'queue:high'
          or priority == 32 and 'queue:low' or priority == 48 and 'queue:nested' or 'queue'
        call('HSET', LANES, lane, call('TIME')[1])
        call('LPUSH', P .. list, id)
        ring()
        if list == 'queue:nested' and call('RPUSH', P .. 'bell:nested', '1') > 1 then call('LPOP', P .. 'bell:nested') end
        return true
      end
      L.leave(lane, id)
    end
  end

  -- Invites the first lane that waits at a gate.
  function L.pass(gate)
    while true do
      local lane = call('LPOP', P .. 'turns:' .. gate)
      if not lane or call('HGET', LANES, lane) == gate and L.invite(lane) then return end
    end
  end

  -- A call is with no worker any more, or has ended: its slot is free, and it waits in no line.
  function L.freed(id, r)
    local lane, slots = L.of(r)
    if not lane then return end
    local had_slot = call('SREM', P .. slots, id) == 1
    local waits = call('HGET', LANES, lane)
    -- One that was invited and comes no more leaves its turn to the next.
    local gone = waits and L.leave(lane, id) and tonumber(waits) and not L.invite(lane)
    if had_slot or gone then L.pass(slots) end
  end

  -- A call is given back unrun: its slot is free, and it comes first in its lane's line, if there is one. Returns whether
  -- there is.
  function L.given_back(id, r)
    local lane, slots = L.of(r)
    if not lane then return false end
    local had_slot, waits = call('SREM', P .. slots, id) == 1, call('HEXISTS', LANES, lane) == 1
    if waits then
      local first = call('ZRANGE', P .. 'line:' .. lane, 0, 0, 'WITHSCORES')[2] or 0
      if call('ZADD', P .. 'line:' .. lane, first - 1, id) == 1 then call('INCR', P .. 'blocked') end
    end
    if had_slot then L.pass(slots) end
    return waits
  end

  lanes_made = L
  return L
end
`;
