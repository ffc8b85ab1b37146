#!lua
-- create-org: creates an organization with its first billing period, unless that id exists.
--
-- Returns 'created' | 'exists' | 'deleting' (the hash has no period: its deletion has not finished) |
--         'wrong_period' (the period does not contain the server's time: compute it again)
-- Effects org (period_no 1; the first revision is the time, so no gateway mistakes it for a revision of an earlier
--         organization with that id), total, audit
-- @include clock
-- @include text
-- @include audit
local now = server_time()
if redis.call('EXISTS', key.org) == 1 then
  return redis.call('HEXISTS', key.org, 'period_no') == 1 and 'exists' or 'deleting'
end
if now < arg.start_ms or now >= arg.end_ms then return 'wrong_period' end

local start, finish = digits(arg.start_ms), digits(arg.end_ms)
redis.call('HSET', key.org, 'revision', digits(now), 'created_at', digits(now), 'period_no', '1', 'period_start', start,
  'period_end', finish, unpack(arg.fields))
-- Remove what is left of an earlier organization with the same id.
redis.call('DEL', key.total, key.audit)
redis.call('HSET', key.total, 'used', '0', 'held', '0', 'start', start, 'end', finish, 'next_mark', '',
  'billing', redis.call('HGET', key.org, 'billing') or '')
redis.call('PEXPIREAT', key.total, arg.life_end_ms)
audit(key.audit, now)
return 'created'
