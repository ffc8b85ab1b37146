-- Files the notice in the index of each state that one of its deliveries is in.
local function file_under(counts)
  for _, state in ipairs(STATES) do
    redis.call('HSET', key.notice, 'n:' .. state, digits(counts[state]))
    if counts[state] > 0 then add_to_index(key[state], { arg.member })
    else redis.call('ZREM', key[state], arg.member) end
  end
end
