#!lua
-- remove-member: removes a member, if the membership has the version that was read (A2, A3, A4). The user's usage,
-- custom limit and keys are kept for a user who is added again.
--
-- Returns 'removed' | 'conflict' | 'last_admin' (A1)
-- Effects members, removed members (no app enrolls the user again), admins, audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
local user = arg.user
local text = redis.call('HGET', key.members, user)
if not text or tag_of(text) ~= arg.tag then return 'conflict' end
local is_last = redis.call('SISMEMBER', key.admins, user) == 1 and redis.call('SCARD', key.admins) == 1
if is_last and arg.may_leave_no_admin ~= '1' then return 'last_admin' end

redis.call('HDEL', key.members, user)
redis.call('SADD', key.removed_members, user)
redis.call('SREM', key.admins, user)
audit(key.audit, server_time())
return 'removed'
