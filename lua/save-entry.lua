#!lua
-- save-entry: adds, replaces or removes one entry of a hash of settings (custom limits, keys, channels), where it is still as it
-- was read (A2), and says so in the audit log (A3).
--
-- KEYS    1 org, 2 the hash, 3 members, 4 audit
-- ARGV    1 tag of the entry that was read, '' for none, 2-6 the change (include/audit.lua), 7 field, 8 its text, '' to remove it,
--         9 most entries that the hash may have, '' for any number, 10 a user who must be a member, '' for nobody
-- Returns 'saved' | 'conflict' | 'no_org' | 'no_member' | 'full'
-- Effects the hash, audit
-- @include clock
-- @include text
-- @include tag
-- @include audit
if redis.call('HEXISTS', KEYS[1], 'period_no') == 0 then return 'no_org' end
local field, text = ARGV[7], ARGV[8]
local stored = redis.call('HGET', KEYS[2], field)
if tag_of(stored) ~= ARGV[1] then return 'conflict' end
if ARGV[10] ~= '' and redis.call('HEXISTS', KEYS[3], ARGV[10]) == 0 then return 'no_member' end
if not stored and ARGV[9] ~= '' and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[9]) then return 'full' end

if text == '' then redis.call('HDEL', KEYS[2], field) else redis.call('HSET', KEYS[2], field, text) end
audit(KEYS[4], server_time(), 2)
return 'saved'
