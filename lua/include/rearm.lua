-- Writes what `place` decided: KEYS as in `at`, of the open period; every crossing goes to the outbox (N1).
local function new_plan()
  return { arm = {}, disarm = {}, fire = {} }
end

-- The mark that a charge must reach before it looks further.
local function write_next_mark(total, armed)
  local first = redis.call('ZRANGE', armed, 0, 0, 'WITHSCORES')
  redis.call('HSET', total, 'next_mark', first[2] and digits(tonumber(first[2])) or '')
end

local function write_plan(plan, at, period, now, used, allowance, life_end)
  if #plan.disarm > 0 then redis.call('ZREM', at.armed, unpack(plan.disarm)) end
  if #plan.arm > 0 then redis.call('ZADD', at.armed, unpack(plan.arm)) end
  table.sort(plan.fire, function(a, b) return a.mark < b.mark end)
  for _, f in ipairs(plan.fire) do
    local version = digits(f.alert.version)
    redis.call('HSET', at.fired, f.id, table.concat({ version, digits(now), digits(used) }, ' '))
    record(at.outbox, 'org.alert.crossed', period, now, alert_crossed(f.id, version, f.alert.type,
      digits(tonumber(f.alert.threshold)), f.mark, used, digits(allowance)))
  end
  write_next_mark(at.total, at.armed)
  redis.call('PEXPIREAT', at.armed, life_end)
  redis.call('PEXPIREAT', at.fired, life_end)
  redis.call('PEXPIREAT', at.total, life_end)
end
