#!lua
-- configure: saves the fields of an organization's hash that make up one resource, all or none, if its version is the
-- one that was read (A2). It adds the change to the audit log (A3). Percentage alerts that have not fired follow a
-- changed allowance: they are armed at their new marks, or fire at once if usage has passed them (O3).
--
-- Returns { 'saved', count of crossings } | { 'conflict' } | { 'no_org' } | { 'not_admins', user, … } (O7) | { 'stale'
--         } (the period has ended: open the next one and ask again)
-- Effects org: the fields, revision; audit; armed, fired, total.next_mark, outbox
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
local org = read_fields(key.org, { 'period_no', 'period_start', 'period_end', 'revision', 'allowance' })
if not org.period_no then return { 'no_org' } end
if org.period_no ~= arg.period_no or now >= tonumber(org.period_end) then return { 'stale' } end
if tag_of_fields(key.org, arg.resource) ~= arg.tag then return { 'conflict' } end
local not_admins = not_admins_of(key.admins, arg.recipients)
if not_admins then return not_admins end

local plan, allowance, used = new_plan(), tonumber(arg.allowance), 0
local moves_marks = allowance and allowance ~= tonumber(org.allowance or 0)
if moves_marks then
  used = tonumber(redis.call('HGET', key.total, 'used') or 0)
  local fired, alerts = {}, redis.call('HGETALL', key.alerts)
  local fired_list = redis.call('HGETALL', key.fired)
  for i = 1, #fired_list, 2 do fired[fired_list[i]] = fired_list[i + 1]:match('^%S+') end
  for i = 1, #alerts, 2 do
    local id, alert = alerts[i], cjson.decode(alerts[i + 1])
    local waits = fired[id] ~= digits(alert.version)
    if alert.type == 'percentage' and waits then place(plan, id, alert, allowance, used) end
  end
end

redis.call('HSET', key.org, 'revision', digits(tonumber(org.revision) + 1), unpack(arg.fields))
audit(key.audit, now)
if moves_marks then write_plan(plan, org, now, used, allowance) end
return { 'saved', tostring(#plan.fire) }
