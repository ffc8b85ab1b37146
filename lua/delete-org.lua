#!lua
-- delete-org: begins the deletion of an organization, if its settings are still as they were read (A2). From here on
-- no call is admitted and no charge counted; what is left keeps the id until everything else is forgotten.
--
-- Returns 'deleting' | 'conflict' | 'no_org' (or its deletion has begun: then it only has to be finished)
-- Effects org: nothing but created_at and deleting
-- @include records
-- @include tag
local org = read_fields(key.org, { 'period_no', 'created_at' })
if not org.period_no then return 'no_org' end
if arg.tag ~= '' and tag_of_fields(key.org, arg.resource) ~= arg.tag then return 'conflict' end

local others, all = {}, redis.call('HGETALL', key.org)
for i = 1, #all, 2 do
  if all[i] ~= 'created_at' then others[#others + 1] = all[i] end
end

redis.call('HSET', key.org, 'created_at', org.created_at or '', 'deleting', arg.deletion)
redis.call('HDEL', key.org, unpack(others))
return 'deleting'
