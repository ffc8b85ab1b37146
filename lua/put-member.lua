#!lua
-- put-member: adds or replaces a member, where the membership is still as it was read (A2), and says so in the audit log (A3).
--
-- KEYS    1 org, 2 members, 3 removed members, 4 admins, 5 audit
-- ARGV    1 tag of the membership that was read, '' for none, 2-6 the change (include/audit.lua), 7 user, 8 JSON of the
--         membership, 9 role, 10 whether it may leave the organization without an admin
-- Returns 'saved' | 'conflict' | 'last_admin' (A1) | 'no_org'
-- Effects members, removed members, admins (the members of that role: kept here and in remove-member only), audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
if redis.call('HEXISTS', KEYS[1], 'period_no') == 0 then return 'no_org' end
local user, is_admin = ARGV[7], ARGV[9] == 'admin'
if tag_of(redis.call('HGET', KEYS[2], user)) ~= ARGV[1] then return 'conflict' end
local was_admin = redis.call('SISMEMBER', KEYS[4], user) == 1
if was_admin and not is_admin and ARGV[10] ~= '1' and redis.call('SCARD', KEYS[4]) == 1 then return 'last_admin' end

redis.call('HSET', KEYS[2], user, ARGV[8])
redis.call('SREM', KEYS[3], user)
redis.call(is_admin and 'SADD' or 'SREM', KEYS[4], user)
audit(KEYS[5], server_time(), 2)
return 'saved'
