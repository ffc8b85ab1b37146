#!lua
-- delete-org: begins the deletion of an organization, if its settings have the version that was read (A2). From then
-- on no call is admitted and no charge counted. The hash keeps the id reserved until everything else is deleted.
--
-- Returns 'deleting' | 'conflict' | 'no_org' (no such organization, or its deletion has begun and only has to be
--         finished)
-- Effects org: removes every field except created_at; sets deleting
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
