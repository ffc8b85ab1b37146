#!lua
-- create-org: creates an organization with its first billing period, unless there is one of that id.
--
-- KEYS    1 org, 2 total of period 1, 3 audit
-- ARGV    1 start and 2 end (ms) of period 1, 3 end of the total's life (ms), 4-8 the change (include/audit.lua), then the org's
--         fields, each with its value
-- Returns 'created' | 'exists' | 'deleting' (the hash has no period: its deletion has not finished) | 'wrong_period' (it
--         does not contain the server's time: compute it again)
-- Effects org (period_no 1; its first revision is the time, so that no gateway takes it for an earlier one of that id), total,
--         audit
-- @include clock
-- @include text
-- @include audit
local now = server_time()
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HEXISTS', KEYS[1], 'period_no') == 1 and 'exists' or 'deleting'
end
if now < tonumber(ARGV[1]) or now >= tonumber(ARGV[2]) then return 'wrong_period' end

redis.call('HSET', KEYS[1], 'revision', digits(now), 'created_at', digits(now), 'period_no', '1', 'period_start', ARGV[1],
  'period_end', ARGV[2], unpack(ARGV, 9))
-- Nothing of an organization that had the same id before may be taken for this one's.
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[2], 'used', '0', 'held', '0', 'start', ARGV[1], 'end', ARGV[2],
  'next_mark', '', 'billing', redis.call('HGET', KEYS[1], 'billing') or '')
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
audit(KEYS[3], now, 4)
return 'created'
