#!lua
-- configure: saves fields of an organization's hash that make up one resource, all of them or none, where it is still as it
-- was read (A2), and puts the change into the audit log (A3).
--
-- KEYS    1 org, 2 admins, 3 audit
-- ARGV    1 the resource's tag as it was read, 2 number of the open period, 3-7 the change (include/audit.lua), 8 count of the
--         fields of the resource, 9 count of recipients, then these fields, then the recipients, then fields with values
-- Returns { 'saved' } | { 'conflict' } | { 'no_org' } | { 'not_admins', user, … } (O7) | { 'stale' } (the period has ended: open
--         the next one and ask again)
-- Effects org: the fields, revision; audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_end', 'revision')
if not o[1] then return { 'no_org' } end
if o[1] ~= ARGV[2] or now >= tonumber(o[2]) then return { 'stale' } end

local field_count, recipient_count = tonumber(ARGV[8]), tonumber(ARGV[9])
local stored = redis.call('HMGET', KEYS[1], unpack(ARGV, 10, 9 + field_count))
for i = 1, field_count do stored[i] = stored[i] or '' end
if tag_of(table.concat(stored, '\n')) ~= ARGV[1] then return { 'conflict' } end

local not_admins = { 'not_admins' }
for i = 10 + field_count, 9 + field_count + recipient_count do
  if redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 0 then not_admins[#not_admins + 1] = ARGV[i] end
end
if #not_admins > 1 then return not_admins end

redis.call('HSET', KEYS[1], 'revision', digits(tonumber(o[3]) + 1), unpack(ARGV, 10 + field_count + recipient_count))
audit(KEYS[3], now, 3)
return { 'saved' }
