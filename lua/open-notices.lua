#!lua
-- open-notices: writes crossings of one organization to its log, before they go to a queue (N2, N4).
--
-- Returns 'other_org' (it was recreated under this id, is being deleted, or is gone) | for each notice: 'new',
--         'known', 'relayed' (a queue had it)
-- Effects the hashes that are new, both indexes
-- @include text
-- @include records
-- @include notices
local org = read_fields(key.org, { 'created_at', 'deleting' })
if org.created_at ~= arg.org_created_at or org.deleting then return 'other_org' end
local found = {}
for i, notice in ipairs(key.notices) do found[i] = read_fields(notice, { 'crossing', 'relayed' }) end

local replies, added = {}, {}
for i, item in ipairs(items) do
  replies[i] = found[i].relayed and 'relayed' or found[i].crossing and 'known' or 'new'
  if replies[i] == 'new' then
    redis.call('HSET', key.notices[i], 'crossing', item.crossing)
    redis.call('PEXPIRE', key.notices[i], arg.life_ms)
    added[#added + 1] = item.member
  end
end
if #added > 0 then
  add_to_index(key.all, added)
  add_to_index(key.queued, added)
end
return replies
