#!lua
-- put-member: adds or replaces a member, if the membership has the version that was read (A2), and adds the change to
-- the audit log (A3).
--
-- Returns 'saved' | 'conflict' | 'last_admin' (A1) | 'no_org'
-- Effects members, removed members, admins (the members of that role: kept here and in remove-member only), audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
if redis.call('HEXISTS', key.org, 'period_no') == 0 then return 'no_org' end
local user, is_admin = arg.user, arg.role == 'admin'
if tag_of(redis.call('HGET', key.members, user)) ~= arg.tag then return 'conflict' end
local was_admin = redis.call('SISMEMBER', key.admins, user) == 1
local is_last = was_admin and not is_admin and redis.call('SCARD', key.admins) == 1
if is_last and arg.may_leave_no_admin ~= '1' then return 'last_admin' end

redis.call('HSET', key.members, user, arg.member)
redis.call('SREM', key.removed_members, user)
redis.call(is_admin and 'SADD' or 'SREM', key.admins, user)
audit(key.audit, server_time())
return 'saved'
