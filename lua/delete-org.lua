#!lua
-- delete-org: begins the deletion of an organization, where its settings are still as they were read (A2). From here on no call
-- is admitted and no charge counted; what is left keeps the id until everything else is forgotten.
--
-- KEYS    1 org
-- ARGV    1 tag of the settings that was read, '' for whatever is there, 2 the deletion as the operator's log will have it (JSON), then
--         the fields that make up the settings
-- Returns 'deleting' | 'conflict' | 'no_org' (or its deletion has begun: then it only has to be finished)
-- Effects org: nothing but created_at and deleting
-- @include tag
local stored = redis.call('HMGET', KEYS[1], 'period_no', 'created_at', unpack(ARGV, 3))
if not stored[1] then return 'no_org' end
for i = 1, #ARGV do stored[i] = stored[i] or '' end
if ARGV[1] ~= '' and tag_of(table.concat(stored, '\n', 3)) ~= ARGV[1] then return 'conflict' end

local others, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= 'created_at' then others[#others + 1] = all[i] end
end

redis.call('HSET', KEYS[1], 'created_at', stored[2], 'deleting', ARGV[2])
redis.call('HDEL', KEYS[1], unpack(others))
return 'deleting'
