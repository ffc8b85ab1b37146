-- A crossing goes to the outbox in the step that causes it (N1); `event` is a flat list of names and values.
local function record(outbox, kind, period, now, event)
  redis.call('XADD', outbox, '*', 'type', kind, 'period_no', period.no, 'period_start', period.start,
    'period_end', period.finish, 'at', digits(now), unpack(event))
end

local function limit_reached(user, period_used, counted, limit)
  return { 'user', user, 'version', digits(limit), 'mark', digits(limit), 'threshold', digits(limit),
    'used', digits(period_used), 'counted', digits(counted), 'limit', digits(limit) }
end

local function alert_crossed(id, version, kind, threshold, mark, used, allowance)
  return { 'alert', id, 'version', version, 'threshold_type', kind, 'threshold', threshold, 'mark', digits(mark),
    'used', digits(used), 'allowance', allowance }
end
