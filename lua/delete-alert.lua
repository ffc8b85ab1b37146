#!lua
-- delete-alert: removes an organization alert if its version is the one that was read (A2, A3). It never fires again
-- (O9): in the open period it is disarmed, and in earlier ones a late charge finds that it is gone.
--
-- Returns { 'deleted' } | { 'conflict' } | { 'no_org' } | { 'stale' } (the period has ended: open the next one and ask
--         again)
-- Effects alerts, audit; armed, fired, total.next_mark
-- @include clock
-- @include text
-- @include records
-- @include tag
-- @include audit
-- @include alerts
-- @include next-mark
local now = server_time()
local org = read_fields(key.org, { 'period_no', 'period_end' })
if not org.period_no then return { 'no_org' } end
if org.period_no ~= arg.period_no or now >= tonumber(org.period_end) then return { 'stale' } end
local stored = redis.call('HGET', key.alerts, arg.id)
if not stored or tag_of(stored) ~= arg.tag then return { 'conflict' } end
local member = armed_as(arg.id, cjson.decode(stored))
local waits = redis.call('ZSCORE', key.armed, member)

redis.call('HDEL', key.alerts, arg.id)
audit(key.audit, now)
redis.call('HDEL', key.fired, arg.id)
if waits then
  write_next_mark({ member })
  redis.call('ZREM', key.armed, member)
end
return { 'deleted' }
