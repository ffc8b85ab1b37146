#!lua
-- delete-alert: removes an organization alert where it is still as it was read (A2, A3). It never fires again (O9), neither in the
-- open period nor by a call that is charged late to the one before.
--
-- KEYS    1 org, 2 alerts, 3 audit, then of the open period 4 total, 5 armed, 6 fired, and of the one before 7 total, 8 armed
-- ARGV    1 tag of the alert that was read, 2 number of the open period, 3-7 the change (include/audit.lua), 8 id
-- Returns { 'deleted' } | { 'conflict' } | { 'no_org' } | { 'stale' } (the period has ended: open the next one and ask again)
-- Effects alerts, audit; armed and total.next_mark of both periods, fired
-- @include clock
-- @include text
-- @include tag
-- @include audit
-- @include rearm
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_end')
if not o[1] then return { 'no_org' } end
if o[1] ~= ARGV[2] or now >= tonumber(o[2]) then return { 'stale' } end
local id = ARGV[8]
local stored = redis.call('HGET', KEYS[2], id)
if not stored or tag_of(stored) ~= ARGV[1] then return { 'conflict' } end

-- It may be armed in the period before as it was then, so its id decides.
local function members_of(armed)
  local members = {}
  for _, member in ipairs(redis.call('ZRANGE', armed, 0, -1)) do
    if member:match('^%S+') == id then members[#members + 1] = member end
  end
  return members
end
local here, earlier = members_of(KEYS[5]), members_of(KEYS[8])

redis.call('HDEL', KEYS[2], id)
audit(KEYS[3], now, 3)
redis.call('HDEL', KEYS[6], id)
if #here > 0 then
  redis.call('ZREM', KEYS[5], unpack(here))
  write_next_mark(KEYS[4], KEYS[5])
end
if #earlier > 0 then
  redis.call('ZREM', KEYS[8], unpack(earlier))
  write_next_mark(KEYS[7], KEYS[8])
end
return { 'deleted' }
