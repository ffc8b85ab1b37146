#!lua
-- adjust: adds to what a user used in the open period, or takes from it, once per idempotency key (C8, A3). It is usage of a model
-- called `adjustment` with no calls, so it is part of every sum. What is added fires whatever it crosses; what is taken off fires
-- nothing and arms nothing again.
--
-- KEYS, ARGV  as in include/accounts.lua, for one user, day and user's day and no resolved hash. Then KEYS: members, audit, and what
--             was answered under the idempotency key; ARGV: start and end of the day (ms), source, amount (microcredits, may be negative),
--             id, fingerprint of what is asked ('' without an idempotency key), life of its answer (ms), and the change, whose `before`
--             is empty and whose `after` lacks what is used
-- Returns     { head as settle's, 'adjusted', used by the user }, or of an answer that was given before { 'repeated', id, used };
--             { 'reused' } (the same idempotency key, something else asked) | { 'below_zero', used of that source } | { 'too_much' } |
--             { 'unknown_user' } (no member, and used nothing in the period) | { 'stale' } (period or day have ended) | { 'no_org' }
-- Effects     as settle's; audit; the answer
-- @include packed
-- @include clock
-- @include text
-- @include credits
-- @include policy
-- @include outbox
-- @include resolved
-- @include accounts
-- @include audit
local MEMBERS, AUDIT, ANSWER = last_key + 1, last_key + 2, last_key + 3
local day_start, day_end, source, amount, id, fingerprint, life = unpack(ARGV, FIRST_CALL, FIRST_CALL + 6)
amount = tonumber(amount)
if not org_exists then return { 'no_org' } end
local answered = fingerprint ~= '' and redis.call('GET', KEYS[ANSWER])
if answered then
  local asked, was_id, was_used = answered:match('^(%S+) (%S+) (%S+)$')
  return asked == fingerprint and { 'repeated', was_id, was_used } or { 'reused' }
end
local bounds = redis.call('HMGET', KEYS[1], 'period_start', 'period_end')
-- Where the clock has stepped back to before the period, it is the period's first day.
local time_of_day = math.max(now, tonumber(bounds[1]))
if o[9] ~= ARGV[1] or now >= tonumber(bounds[2]) or time_of_day < tonumber(day_start) or time_of_day >= tonumber(day_end) then
  return { 'stale' }
end

local u = users[1]
local call = { user = u, source = source, model = 'adjustment', day = days[1], user_day = user_days[1] }
want_usage(call)
read_all()
-- Who was removed stays adjustable for what was used; a name that nobody knows gets no counters (A5).
if redis.call('HEXISTS', KEYS[MEMBERS], u.id) == 0 and not redis.call('ZSCORE', KEYS[6], u.id) then return { 'unknown_user' } end
if u.used[source] + amount < 0 then return { 'below_zero', digits(u.used[source]) } end
if total.used + amount > MOST then return { 'too_much' } end

local used_before = sums(policy, u.used)
charge(u, call, amount, 0, 0, 0)
local used = digits(u.total)
local reply = { head(), 'adjusted', used }
write_all()
audit(KEYS[AUDIT], now, FIRST_CALL + 7, '{"used":' .. credits(used_before) .. '}',
  ARGV[FIRST_CALL + 11]:sub(1, -2) .. ',"used":' .. credits(u.total) .. '}')
if fingerprint ~= '' then redis.call('SET', KEYS[ANSWER], table.concat({ fingerprint, id, used }, ' '), 'PX', life) end
return reply
