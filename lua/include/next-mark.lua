-- Writes `next_mark`, the lowest mark in `armed` without the members of `leaving`: a charge below it checks no
-- alerts. The caller removes the members after this. A key that becomes empty while its slot moves is looked up on
-- the other node, and the next access to it would abort the script.
local function write_next_mark(leaving)
  local is_leaving, mark = {}, ''
  for _, member in ipairs(leaving) do is_leaving[member] = true end
  local first = redis.call('ZRANGE', key.armed, 0, #leaving, 'WITHSCORES')
  for i = #first - 1, 1, -2 do
    if not is_leaving[first[i]] then mark = digits(tonumber(first[i + 1])) end
  end
  redis.call('HSET', key.total, 'next_mark', mark)
end
