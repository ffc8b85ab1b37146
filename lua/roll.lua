#!lua
-- roll: opens the next billing period of an organization, once, and never backwards (P2, P4).
--
-- Returns 'rolled' | 'already' (another gateway did, or the period has not ended) | 'changed' (read again, then
--         retry)
-- Effects org.period_*, org.billing; the new period's total and armed
-- @include clock
-- @include text
-- @include records
-- @include alerts
local now = server_time()
local org = read_fields(key.org, { 'period_no', 'period_end', 'billing_next', 'allowance', 'billing' })
if org.period_no ~= arg.ends_no or now < tonumber(org.period_end) then return 'already' end
if (org.billing_next or '') ~= arg.billing_next or now < arg.start_ms or now >= arg.end_ms then return 'changed' end

local arm, lowest, allowance = {}, nil, tonumber(org.allowance or 0)
local alerts = redis.call('HGETALL', key.alerts)
for i = 1, #alerts, 2 do
  local alert = cjson.decode(alerts[i + 1])
  local mark = mark_of(alert, allowance)
  if mark > 0 then
    arm[#arm + 1], arm[#arm + 2] = digits(mark), armed_as(alerts[i], alert)
    if not lowest or mark < lowest then lowest = mark end
  end
end

local billing = arg.billing_next ~= '' and arg.billing_next or org.billing or ''
local start, finish = digits(arg.start_ms), digits(arg.end_ms)
redis.call('HSET', key.org, 'period_no', arg.period_no, 'period_start', start, 'period_end', finish)
if arg.billing_next ~= '' then redis.call('HSET', key.org, 'billing', billing, 'billing_next', '') end
redis.call('HSET', key.total, 'used', '0', 'held', '0', 'start', start, 'end', finish,
  'next_mark', lowest and digits(lowest) or '', 'billing', billing)
redis.call('PEXPIREAT', key.total, arg.life_end_ms)
if #arm > 0 then
  redis.call('ZADD', key.armed, unpack(arm))
  redis.call('PEXPIREAT', key.armed, arg.life_end_ms)
end
return 'rolled'
