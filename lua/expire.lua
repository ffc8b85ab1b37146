#!lua flags=allow-oom
-- expire: resolves holds whose lease is over, because their gateway died: charges the prompt, frees the rest (C6).
--
-- KEYS, ARGV  as in include/accounts.lua; six per hold: hold id, indexes of user, day, user's day and resolved hash, model
-- Returns     { 'ok now <org alerts> <user alerts> <limits reached>', one status per hold: 'expired cost freed', 'renewed' (its lease is not over) or
--             'already' }; the head alone where the organization does not exist any more, whose leases then go
-- Effects     as settle's
-- @include packed
-- @include clock
-- @include text
-- @include policy
-- @include outbox
-- @include resolved
-- @include accounts
if not org_exists then
  redis.call('DEL', KEYS[7])
  return { head() }
end
local calls = {}
for at = FIRST_CALL, #ARGV, 6 do
  local call = { id = ARGV[at], user = users[tonumber(ARGV[at + 1])], day = days[tonumber(ARGV[at + 2])],
    user_day = user_days[tonumber(ARGV[at + 3])], bucket = buckets[tonumber(ARGV[at + 4])], date = ARGV[at + 5] }
  want(call.user, 'o:' .. call.id)
  calls[#calls + 1] = call
end
-- What the holds say of source and model decides which counters are needed, so the holds are read first.
for _, call in ipairs(calls) do
  call.open = redis.call('HGET', call.user.key, 'o:' .. call.id)
  if call.open then
    local _, prompt, source, _, model = call.open:match('^(%d+) (%d+) (%S+) (%d+) (.*)$')
    call.prompt, call.source, call.model = tonumber(prompt), source, model
    want_usage(call)
  end
  call.deadline = tonumber(redis.call('ZSCORE', KEYS[7], table.concat({ ARGV[1], call.date, call.id, call.user.id }, ' ')) or 0)
end
read_all()

local replies = { '' }
for i, call in ipairs(calls) do
  local u = call.user
  local open = u.value['o:' .. call.id]
  if not open then
    replies[i + 1] = 'already'
    -- A lease without a hold is a remainder of a lost write: it goes, so that no sweep meets it again.
    released[#released + 1] = table.concat({ ARGV[1], call.date, call.id, u.id }, ' ')
  elseif call.deadline > now then
    replies[i + 1] = 'renewed'
  else
    release(u, call, open)
    local cost = charge(u, call, call.prompt, 1, 0, 0)
    mark(call.bucket, call.id, 'expired ' .. digits(cost))
    call.bucket.life = EXPIRED_LIFE_MS
    replies[i + 1] = table.concat({ 'expired', digits(cost), digits(math.max(0, tonumber(open:match('^%d+')) - cost)) }, ' ')
  end
end
replies[1] = head()
write_all()
return replies
