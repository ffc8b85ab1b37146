#!lua
-- open-notices: writes crossings of one organization to its log, before a queue gets them (N2, N4).
--
-- KEYS    1 org, 2 index of all notices, 3 index of the queued, then a hash for each notice
-- ARGV    1 when the organization was created whose crossings these are, 2 life of the log (ms), 3 the oldest time (ms) that it
--         shows, then two per notice: its member of the indexes, the crossing as JSON
-- Returns 'other_org' (made anew under this id since, being deleted, or gone) | one per notice: 'new', 'known', 'relayed' (a queue had it)
-- Effects the hashes that are new, both indexes
-- @include text
-- @include notices
local created_at, deleting = unpack(redis.call('HMGET', KEYS[1], 'created_at', 'deleting'))
if created_at ~= ARGV[1] or deleting then return 'other_org' end
local found = {}
for i = 4, #KEYS do found[i - 3] = redis.call('HMGET', KEYS[i], 'crossing', 'relayed') end

local replies, added = {}, {}
for i, record in ipairs(found) do
  local key, member, crossing = KEYS[i + 3], ARGV[2 + 2 * i], ARGV[3 + 2 * i]
  replies[i] = record[2] and 'relayed' or record[1] and 'known' or 'new'
  if replies[i] == 'new' then
    redis.call('HSET', key, 'crossing', crossing)
    redis.call('PEXPIRE', key, ARGV[2])
    added[#added + 1] = member
  end
end
if #added > 0 then
  add_to_index(KEYS[2], added, ARGV[2], ARGV[3])
  add_to_index(KEYS[3], added, ARGV[2], ARGV[3])
end
return replies
