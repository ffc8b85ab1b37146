#!lua
-- roll: opens the next billing period of an organization, once, and never backwards (P2, P4).
--
-- KEYS    1 org, 2 total, 3 armed, both of the period to open, 4 alerts
-- ARGV    1 number of the period that ends, 2 number, 3 start and 4 end (ms) of the one to open, 5 end of its life (ms),
--         6 the billing_next that the new period was computed with ('' for none)
-- Returns 'rolled' | 'already' (somebody else did, or the period has not ended) | 'changed' (read again, then try again)
-- Effects org.period_*, org.billing; the new period's total and armed
-- @include clock
-- @include text
-- @include alerts
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_end', 'billing_next', 'allowance', 'billing')
if o[1] ~= ARGV[1] or now < tonumber(o[2]) then return 'already' end
if (o[3] or '') ~= ARGV[6] or now < tonumber(ARGV[3]) or now >= tonumber(ARGV[4]) then return 'changed' end

local arm, lowest, allowance = {}, nil, tonumber(o[4] or '0')
local alerts = redis.call('HGETALL', KEYS[4])
for i = 1, #alerts, 2 do
  local alert = cjson.decode(alerts[i + 1])
  local mark = mark_of(alert, allowance)
  if mark > 0 then
    arm[#arm + 1], arm[#arm + 2] = digits(mark), armed_as(alerts[i], alert)
    if not lowest or mark < lowest then lowest = mark end
  end
end

redis.call('HSET', KEYS[1], 'period_no', ARGV[2], 'period_start', ARGV[3], 'period_end', ARGV[4])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'billing', ARGV[6], 'billing_next', '') end
redis.call('HSET', KEYS[2], 'used', '0', 'held', '0', 'start', ARGV[3], 'end', ARGV[4],
  'next_mark', lowest and digits(lowest) or '', 'billing', ARGV[6] ~= '' and ARGV[6] or o[5] or '')
redis.call('PEXPIREAT', KEYS[2], ARGV[5])
if #arm > 0 then
  redis.call('ZADD', KEYS[3], unpack(arm))
  redis.call('PEXPIREAT', KEYS[3], ARGV[5])
end
return 'rolled'
