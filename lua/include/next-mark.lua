-- The mark that a charge must reach before it looks further, once the members of `leaving` are gone from `armed`. They
-- go after this: a key that becomes empty is elsewhere while its slot moves, and the script would break off at the
-- next look at it.
local function write_next_mark(leaving)
  local is_leaving, mark = {}, ''
  for _, member in ipairs(leaving) do is_leaving[member] = true end
  local first = redis.call('ZRANGE', key.armed, 0, #leaving, 'WITHSCORES')
  for i = #first - 1, 1, -2 do
    if not is_leaving[first[i]] then mark = digits(tonumber(first[i + 1])) end
  end
  redis.call('HSET', key.total, 'next_mark', mark)
end
