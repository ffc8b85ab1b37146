#!lua
-- save-alert: saves an organization alert where it is still as it was read (A2, A3). A new one, and one whose version rose because
-- its threshold or type changed, is armed, or fires at once where usage is past it already (O8, O9).
--
-- KEYS    1 org, 2 admins, 3 alerts, 4 audit, then of the open period 5 total, 6 armed, 7 fired, and 8 outbox
-- ARGV    1 tag of the alert that was read, '' for a new one, 2 number of the open period, 3-7 the change (include/audit.lua), 8 id,
--         9 JSON of the alert, 10 end of the life of the period's keys (ms), 11 most alerts of an organization, then the recipients
-- Returns { 'saved', count of crossings } | { 'conflict' } | { 'no_org' } | { 'full' } (O1) | { 'not_admins', user, … } (O7) |
--         { 'stale' } (the period has ended: open the next one and ask again)
-- Effects alerts, audit; armed, fired, total.next_mark, outbox
-- @include clock
-- @include text
-- @include tag
-- @include audit
-- @include admins
-- @include outbox
-- @include alerts
-- @include rearm
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_start', 'period_end', 'allowance')
if not o[1] then return { 'no_org' } end
if o[1] ~= ARGV[2] or now >= tonumber(o[3]) then return { 'stale' } end
local id = ARGV[8]
local stored = redis.call('HGET', KEYS[3], id)
if tag_of(stored) ~= ARGV[1] then return { 'conflict' } end
if not stored and redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[11]) then return { 'full' } end
local not_admins = not_admins_of(KEYS[2], 12, #ARGV)
if not_admins then return not_admins end

local used, allowance = tonumber(redis.call('HGET', KEYS[5], 'used') or 0), tonumber(o[4] or 0)
local before, alert, plan = stored and cjson.decode(stored), cjson.decode(ARGV[9]), new_plan()
local is_armed_again = not before or before.version ~= alert.version
if is_armed_again then
  if before then plan.disarm[1] = armed_as(id, before) end
  place(plan, id, alert, allowance, used)
end

redis.call('HSET', KEYS[3], id, ARGV[9])
audit(KEYS[4], now, 3)
if is_armed_again then
  write_plan(plan, { total = KEYS[5], armed = KEYS[6], fired = KEYS[7], outbox = KEYS[8] },
    { no = o[1], start = o[2], finish = o[3] }, now, used, allowance, ARGV[10])
  if #plan.fire == 0 then redis.call('HDEL', KEYS[7], id) end
end
return { 'saved', tostring(#plan.fire) }
