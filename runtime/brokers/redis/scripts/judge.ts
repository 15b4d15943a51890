/**
 * How a claim judges limited calls and those of paused tasks. Text of the claim alone, in its rare part: see lanes.ts for
 * what it is made of.
 */
export const judgeLimits = String.raw`
-- The limits that the worker tells, by task; a task of which it tells none has none.
local told = {}
for i = 12, #ARGV, 4 do
  told[ARGV[i]] = { most = tonumber(ARGV[i + 1]), starts = tonumber(ARGV[i + 2]), per = tonumber(ARGV[i + 3]) }
end
local untold, lined_up, begun = { most = 0, starts = 0 }, 0, {}

-- How long until a gate of starts is open, ms: until the window that begins with the last but (limit - 1) start is over.
local function closed_for(starts, own)
  local first = own.starts > 0 and call('LINDEX', P .. starts, -own.starts)
  return first and math.max(0, first + own.per - now) or 0
end

-- Whether all slots are taken. One of a call that no worker has, as its record was lost, may be found by looking at any;
-- a beat looks at all, while somebody waits for them.
local function is_full(slots, own)
  if own.most == 0 or call('SCARD', P .. slots) < own.most then return false end
  local any = call('SRANDMEMBER', P .. slots)
  if begun[any] or call('ZSCORE', LEASES, any) then return true end
  call('SREM', P .. slots, any)
  return call('SCARD', P .. slots) >= own.most
end

-- Puts a call into its lane's line, behind those that came before it.
local function line_up(lane, id, r)
  local place = lanes().place(r) + lined_up
  lined_up = lined_up + 1
  if call('ZADD', P .. 'line:' .. lane, 'NX', number(place), id) == 1 then
    call('INCR', P .. 'blocked')
    bounded(id, r)
  end
end

-- A lane waits until a gate opens: those with nested calls before all others.
local function wait_at(gate, lane)
  local turns = P .. 'turns:' .. gate
  if lanes().first_nested(lane) then call('LPUSH', turns, '\0' .. lane) else call('RPUSH', turns, lane) end
  call('HSET', P .. 'lanes', lane, gate)
end
local function open_at(starts, due)
  if call('EXISTS', P .. 'turns:' .. starts) == 1 then delay('\0' .. starts, due) end
end

-- What is still free of a lane's limits goes to those who wait for it.
local function hand_on(slots, starts, own)
  local L = lanes()
  if not is_full(slots, own) then L.pass(slots) end
  if own.starts == 0 then
    L.pass(starts)
    return
  end
  local closed = closed_for(starts, own)
  if closed == 0 then L.pass(starts) end
  open_at(starts, now + (closed > 0 and closed or 1000))
end

-- Whether a limited call may start. If so, it has; else it waits in its lane's line.
local function may_start(id, r)
  local L = lanes()
  local lane, slots, starts, task = L.of(r)
  if not lane then return true end
  -- A ghost: it stands in its list twice, and runs.
  if begun[id] or call('ZSCORE', LEASES, id) then return false end
  judged = true
  local own, waits = told[task] or untold, call('HGET', P .. 'lanes', lane)
  if waits then
    local is_new, invited = not call('ZSCORE', P .. 'line:' .. lane, id), tonumber(waits)
    if is_new then line_up(lane, id, r) end
    local first = call('ZRANGE', P .. 'line:' .. lane, 0, 0)[1] == id
    -- No other one is to wait for a suspect, which may wait until somebody tries it.
    if is_new and invited and not first then first = L.first_for_all(lane) == id end
    -- A nested one is not to wait for those that were let go on before it, of its lane or of others: they may need a slot
    -- which is not lent.
    if not first or bit.band(byte(r, FLAGS), 48) ~= 48 then
      if not is_new then
        -- A second invitation.
        if not invited then return false end
      elseif not invited or not first then
        -- What its lane waits for may have been lost, with a record or a key that others have taken away. A beat finds
        -- that, too, but not at once.
        if waits == slots and not is_full(slots, own) or waits == starts and closed_for(starts, own) == 0 then
          if not L.pass(waits) then L.invite(lane) end
        end
        return false
      end
    end
  end

  local closed = closed_for(starts, own)
  if closed > 0 or is_full(slots, own) then
    if not waits then line_up(lane, id, r) end
    wait_at(closed > 0 and starts or slots, lane)
    hand_on(slots, starts, own)
    return false
  end
  begun[id] = true -- It has its lease with the end of this step.
  if own.most > 0 then call('SADD', P .. slots, id) end
  if own.starts > 0 then
    call('RPUSH', P .. starts, number(now))
    call('LTRIM', P .. starts, -own.starts, -1)
    call('PEXPIRE', P .. starts, math.ceil(own.per))
  end
  if waits then
    L.leave(lane, id)
    -- The next of the lane waits behind other lanes.
    if call('EXISTS', P .. 'line:' .. lane) == 0 then
      call('HDEL', P .. 'lanes', lane)
    elseif own.most > 0 or own.starts > 0 then
      wait_at(own.starts > 0 and starts or slots, lane)
    else
      L.invite(lane)
    end
    hand_on(slots, starts, own)
  end
  return true
end

-- Whether a call's task is paused: it is then put aside, for a worker to find when the task goes on.
local function is_held(id, r)
  local task = has_header(r) and lanes().task_of(r)
  if not task or not paused[task] then return false end
  put_aside(id, r, task)
  return true
end

-- What is paused: tasks by their names, '*' for the queue.
local function look_for_pauses()
  local flat = call('HGETALL', P .. 'paused')
  if #flat == 0 then return end
  paused = {}
  for i = 1, #flat, 2 do paused[flat[i]] = true end
end
`;
