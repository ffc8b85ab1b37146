#!lua flags=allow-oom
-- free: takes up to 64 holds of calls that were not served off the books, at no cost, each once (C5).
--
-- KEYS, ARGV  as in include/accounts.lua; seven per hold: hold id, indexes of user, day, user's day and resolved hash, source, model
-- Returns     { 'ok now <org alerts> <user alerts> <limits reached>', one status per hold: 'freed', 'returned cost' (it had expired: what that
--             charged is given back), 'tombstone' (no such hold: a reserve that arrives late is refused) or 'already' }; the head alone
--             where the organization does not exist any more
-- Effects     as settle's, but that nothing is crossed
-- @include packed
-- @include clock
-- @include text
-- @include policy
-- @include outbox
-- @include resolved
-- @include accounts
-- @include freeing
if not org_exists then return { head() } end
local calls = {}
for at = FIRST_CALL, #ARGV, 7 do
  local id, user, day, user_day, bucket, source, model = unpack(ARGV, at, at + 6)
  local call = { id = id, user = users[tonumber(user)], day = days[tonumber(day)], user_day = user_days[tonumber(user_day)],
    bucket = buckets[tonumber(bucket)], source = source, model = model }
  want_hold(call)
  want_usage(call)
  calls[#calls + 1] = call
end
read_all()

local replies = { '' }
for i, call in ipairs(calls) do replies[i + 1] = free(call) end
replies[1] = head()
write_all()
return replies
