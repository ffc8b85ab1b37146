#!lua
-- save-alert: saves an organization alert if its version is the one that was read (A2, A3). A new alert, or one whose
-- version rose because its threshold or type changed, is armed, or fires at once if usage has passed it (O8, O9).
--
-- Returns { 'saved', count of crossings } | { 'conflict' } | { 'no_org' } | { 'full' } (O1) | { 'not_admins', user, …
--         } (O7) | { 'stale' } (the period has ended: open the next one and ask again)
-- Effects alerts, audit; armed, fired, total.next_mark, outbox
-- @include clock
-- @include text
-- @include records
-- @include tag
-- @include audit
-- @include admins
-- @include outbox
-- @include alerts
-- @include next-mark
-- @include arming
local now = server_time()
local org = read_fields(key.org, { 'period_no', 'period_start', 'period_end', 'allowance' })
if not org.period_no then return { 'no_org' } end
if org.period_no ~= arg.period_no or now >= tonumber(org.period_end) then return { 'stale' } end
local id = arg.id
local stored = redis.call('HGET', key.alerts, id)
if tag_of(stored) ~= arg.tag then return { 'conflict' } end
if not stored and redis.call('HLEN', key.alerts) >= arg.most_alerts then return { 'full' } end
local not_admins = not_admins_of(key.admins, arg.recipients)
if not_admins then return not_admins end

local used, allowance = tonumber(redis.call('HGET', key.total, 'used') or 0), tonumber(org.allowance or 0)
local before, alert, plan = stored and cjson.decode(stored), cjson.decode(arg.alert), new_plan()
local is_armed_again = not before or before.version ~= alert.version
if is_armed_again then
  if before then plan.disarm[1] = armed_as(id, before) end
  place(plan, id, alert, allowance, used)
end

redis.call('HSET', key.alerts, id, arg.alert)
audit(key.audit, now)
if is_armed_again then
  write_plan(plan, org, now, used, allowance)
  if #plan.fire == 0 then redis.call('HDEL', key.fired, id) end
end
return { 'saved', tostring(#plan.fire) }
