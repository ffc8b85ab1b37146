#!lua
-- save-entry: adds, replaces or removes one entry of a hash of settings (custom limits, keys, channels), if its
-- version is the one that was read (A2), and adds the change to the audit log (A3).
--
-- Returns 'saved' | 'conflict' | 'no_org' | 'no_member' | 'full'
-- Effects the hash, audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
if redis.call('HEXISTS', key.org, 'period_no') == 0 then return 'no_org' end
local stored = redis.call('HGET', key.entries, arg.field)
if tag_of(stored) ~= arg.tag then return 'conflict' end
if arg.member ~= '' and redis.call('HEXISTS', key.members, arg.member) == 0 then return 'no_member' end
if not stored and arg.most ~= '' and redis.call('HLEN', key.entries) >= tonumber(arg.most) then return 'full' end

if arg.text == '' then redis.call('HDEL', key.entries, arg.field)
else redis.call('HSET', key.entries, arg.field, arg.text) end
audit(key.audit, server_time())
return 'saved'
