-- Writes the decisions of `place` (alerts.lua) on alerts of the open period: which are armed, which fire, and which
-- are disarmed.
local function new_plan()
  return { arm = {}, disarm = {}, fire = {} }
end

-- Each crossing goes to the outbox (N1).
local function write_plan(plan, org, now, used, allowance)
  local period = { no = org.period_no, start = org.period_start, finish = org.period_end }
  table.sort(plan.fire, function(a, b) return a.mark < b.mark end)
  for _, f in ipairs(plan.fire) do
    local version, threshold = digits(f.alert.version), digits(tonumber(f.alert.threshold))
    redis.call('HSET', key.fired, f.id, table.concat({ version, digits(now), digits(used) }, ' '))
    local event = alert_crossed(f.id, version, f.alert.type, threshold, f.mark, used, digits(allowance))
    record(key.outbox, 'org.alert.crossed', period, now, event)
  end
  if #plan.arm > 0 then redis.call('ZADD', key.armed, unpack(plan.arm)) end
  write_next_mark(plan.disarm)
  redis.call('PEXPIREAT', key.armed, arg.life_end_ms)
  redis.call('PEXPIREAT', key.fired, arg.life_end_ms)
  redis.call('PEXPIREAT', key.total, arg.life_end_ms)
  if #plan.disarm > 0 then redis.call('ZREM', key.armed, unpack(plan.disarm)) end
end
