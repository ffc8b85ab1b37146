#!lua
-- remove-member: takes a member out of the organization, where the membership is still as it was read (A2, A3, A4). What the
-- user used, custom limit and keys stay for who is added again.
--
-- KEYS    1 members, 2 removed members, 3 admins, 4 audit
-- ARGV    1 tag of the membership that was read, 2-6 the change (include/audit.lua), 7 user, 8 whether it may leave the
--         organization without an admin
-- Returns 'removed' | 'conflict' | 'last_admin' (A1)
-- Effects members, removed members (no app enrolls the user again), admins, audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
local user = ARGV[7]
local text = redis.call('HGET', KEYS[1], user)
if not text or tag_of(text) ~= ARGV[1] then return 'conflict' end
local is_admin = redis.call('SISMEMBER', KEYS[3], user) == 1
if is_admin and ARGV[8] ~= '1' and redis.call('SCARD', KEYS[3]) == 1 then return 'last_admin' end

redis.call('HDEL', KEYS[1], user)
redis.call('SADD', KEYS[2], user)
redis.call('SREM', KEYS[3], user)
audit(KEYS[4], server_time(), 2)
return 'removed'
