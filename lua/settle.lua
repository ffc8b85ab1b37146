#!lua flags=allow-oom
-- settle: charges what up to 64 calls cost and takes their holds off the books, each exactly once (C3, C4, C6).
--
-- KEYS, ARGV  as in include/accounts.lua; twelve per call: hold id, indexes of user, day, user's day and resolved hash,
--             bucket (number of five minutes since 1970), source, model, cost (microcredits), input and output tokens, and when the
--             organization was created (ms) that admitted the call
-- Returns     { 'ok now <org alerts> <user alerts> <limits reached>', one status per call: 'charged', 'late' (the hold was lost, and is young enough to
--             know that it was not charged), 'corrected cost' (it had expired: what was missing), 'already', 'too_old' };
--             'other_org' (made anew under the same id since); the head alone where the organization does not exist any more
-- Effects     counters, usage by model and day, top, leases, resolved, and every crossing to the outbox
-- @include packed
-- @include clock
-- @include text
-- @include policy
-- @include outbox
-- @include resolved
-- @include accounts
-- @include settling
if not org_exists then return { head() } end
local calls = {}
for at = FIRST_CALL, #ARGV, 12 do
  local id, user, day, user_day, bucket, number, source, model, cost, input, output, org_created_at = unpack(ARGV, at, at + 11)
  local call = { id = id, user = users[tonumber(user)], day = days[tonumber(day)], user_day = user_days[tonumber(user_day)],
    bucket = buckets[tonumber(bucket)], number = number, source = source, model = model, cost = tonumber(cost), input = input, output = output,
    org_created_at = org_created_at }
  want_hold(call)
  want_usage(call)
  calls[#calls + 1] = call
end
read_all()

local replies = { '' }
for i, call in ipairs(calls) do replies[i + 1] = settle(call, 'too_old') end
replies[1] = head()
write_all()
return replies
