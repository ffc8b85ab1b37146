-- Writes what `place` decided: KEYS as in `at`, of the open period; every crossing goes to the outbox (N1).
local function new_plan()
  return { arm = {}, disarm = {}, fire = {} }
end

-- The mark that a charge must reach before it looks further, once the members of `leaving` are gone from `armed`. They go after this: a
-- key that is empty is somewhere else while its slot moves, and the script would break off at the next look at it.
local function write_next_mark(total, armed, leaving)
  local is_leaving, mark = {}, ''
  for _, member in ipairs(leaving) do is_leaving[member] = true end
  local first = redis.call('ZRANGE', armed, 0, #leaving, 'WITHSCORES')
  for i = #first - 1, 1, -2 do
    if not is_leaving[first[i]] then mark = digits(tonumber(first[i + 1])) end
  end
  redis.call('HSET', total, 'next_mark', mark)
end

local function write_plan(plan, at, period, now, used, allowance, life_end)
  table.sort(plan.fire, function(a, b) return a.mark < b.mark end)
  for _, f in ipairs(plan.fire) do
    local version = digits(f.alert.version)
    redis.call('HSET', at.fired, f.id, table.concat({ version, digits(now), digits(used) }, ' '))
    record(at.outbox, 'org.alert.crossed', period, now, alert_crossed(f.id, version, f.alert.type,
      digits(tonumber(f.alert.threshold)), f.mark, used, digits(allowance)))
  end
  if #plan.arm > 0 then redis.call('ZADD', at.armed, unpack(plan.arm)) end
  write_next_mark(at.total, at.armed, plan.disarm)
  redis.call('PEXPIREAT', at.armed, life_end)
  redis.call('PEXPIREAT', at.fired, life_end)
  redis.call('PEXPIREAT', at.total, life_end)
  if #plan.disarm > 0 then redis.call('ZREM', at.armed, unpack(plan.disarm)) end
end
