/**
 * Sets the local `fence` to a new one, larger than any before in its queue, or `fault` to what keeps it from that. Text
 * that scripts share, and no function of the library: it is on the way of each claim.
 */
export const newFence = String.raw`
  -- As text, which is far cheaper than to print a number of so many digits.
  fence = TIME[1] .. sub('00000' .. TIME[2], -6)
  local last = redis.pcall('SET', P .. 'fence', fence, 'GET')
  if not last then
    -- A member of more than 64 bytes makes Redis keep leases in a tree from the first one on: the form that it has for
    -- small sets takes several times as long.
    redis.pcall('ZADD', LEASES, 0, string.rep('\0', 65))
  elseif type(last) == 'table' then
    fault = last
  else
    -- What is no number, or more than fences can be, was not written by a script.
    last = tonumber(last) or 0
    if last >= tonumber(fence) and last < 9007199254740991 then
      fence = string.format('%.0f', last + 1)
      call('SET', P .. 'fence', fence)
    end
  end
`;
