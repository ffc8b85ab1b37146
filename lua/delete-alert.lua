#!lua
-- delete-alert: removes an organization alert where it is still as it was read (A2, A3). It never fires again (O9): not in
-- the open period, where it is taken out of those that wait, nor in one before, where a late charge finds that it is gone.
--
-- KEYS    1 org, 2 alerts, 3 audit, then of the open period 4 total, 5 armed, 6 fired
-- ARGV    1 tag of the alert that was read, 2 number of the open period, 3-7 the change (include/audit.lua), 8 id
-- Returns { 'deleted' } | { 'conflict' } | { 'no_org' } | { 'stale' } (the period has ended: open the next one and ask again)
-- Effects alerts, audit; armed, fired, total.next_mark
-- @include clock
-- @include text
-- @include tag
-- @include audit
-- @include alerts
-- @include rearm
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_end')
if not o[1] then return { 'no_org' } end
if o[1] ~= ARGV[2] or now >= tonumber(o[2]) then return { 'stale' } end
local id = ARGV[8]
local stored = redis.call('HGET', KEYS[2], id)
if not stored or tag_of(stored) ~= ARGV[1] then return { 'conflict' } end
local member = armed_as(id, cjson.decode(stored))
local waits = redis.call('ZSCORE', KEYS[5], member)

redis.call('HDEL', KEYS[2], id)
audit(KEYS[3], now, 3)
redis.call('HDEL', KEYS[6], id)
if waits then
  write_next_mark(KEYS[4], KEYS[5], { member })
  redis.call('ZREM', KEYS[5], member)
end
return { 'deleted' }
