#!lua
-- configure: saves fields of an organization's hash that make up one resource, all of them or none, where it is still as it
-- was read (A2), and puts the change into the audit log (A3). Percentage alerts that have not fired follow a changed allowance:
-- they wait at their new marks, or fire at once where usage is past them already (O3).
--
-- KEYS    1 org, 2 admins, 3 audit, 4 alerts, then of the open period 5 total, 6 armed, 7 fired, and 8 outbox
-- ARGV    1 the resource's tag as it was read, 2 number of the open period, 3-7 the change (include/audit.lua), 8 the allowance
--         (microcredits), '' where it is not saved, 9 end of the life of the period's keys (ms), 10 count of the fields of the
--         resource, 11 count of recipients, then these fields, then the recipients, then fields with values
-- Returns { 'saved', count of crossings } | { 'conflict' } | { 'no_org' } | { 'not_admins', user, … } (O7) | { 'stale' } (the
--         period has ended: open the next one and ask again)
-- Effects org: the fields, revision; audit; armed, fired, total.next_mark, outbox
-- @include clock
-- @include text
-- @include tag
-- @include audit
-- @include admins
-- @include outbox
-- @include alerts
-- @include rearm
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_start', 'period_end', 'revision', 'allowance')
if not o[1] then return { 'no_org' } end
if o[1] ~= ARGV[2] or now >= tonumber(o[3]) then return { 'stale' } end

local field_count, recipient_count = tonumber(ARGV[10]), tonumber(ARGV[11])
local stored = redis.call('HMGET', KEYS[1], unpack(ARGV, 12, 11 + field_count))
for i = 1, field_count do stored[i] = stored[i] or '' end
if tag_of(table.concat(stored, '\n')) ~= ARGV[1] then return { 'conflict' } end
local first_value = 12 + field_count + recipient_count
local not_admins = not_admins_of(KEYS[2], 12 + field_count, first_value - 1)
if not_admins then return not_admins end

local plan, allowance, used = new_plan(), tonumber(ARGV[8]), 0
local moves_marks = allowance and allowance ~= tonumber(o[5] or 0)
if moves_marks then
  used = tonumber(redis.call('HGET', KEYS[5], 'used') or 0)
  local fired, alerts = {}, redis.call('HGETALL', KEYS[4])
  local fired_list = redis.call('HGETALL', KEYS[7])
  for i = 1, #fired_list, 2 do fired[fired_list[i]] = fired_list[i + 1]:match('^%S+') end
  for i = 1, #alerts, 2 do
    local alert = cjson.decode(alerts[i + 1])
    if alert.type == 'percentage' and fired[alerts[i]] ~= digits(alert.version) then place(plan, alerts[i], alert, allowance, used) end
  end
end

redis.call('HSET', KEYS[1], 'revision', digits(tonumber(o[4]) + 1), unpack(ARGV, first_value))
audit(KEYS[3], now, 3)
if moves_marks then
  write_plan(plan, { total = KEYS[5], armed = KEYS[6], fired = KEYS[7], outbox = KEYS[8] },
    { no = o[1], start = o[2], finish = o[3] }, now, used, allowance, ARGV[9])
end
return { 'saved', tostring(#plan.fire) }
