#!lua
-- adjust: adds to a user's usage in the open period, or subtracts from it, once per idempotency key (C8, A3). It is
-- stored as usage of a model called `adjustment` with no calls, so every sum includes it. An addition fires the
-- thresholds that it crosses; a subtraction fires nothing and re-arms nothing.
--
-- Returns { head as settle's, 'adjusted', used by the user }; for a repeated request { 'repeated', id, used }; {
--         'reused' } (same idempotency key, another request) | { 'below_zero', used of that source } | { 'too_much' }
--         | { 'unknown_user' } (no member, and no usage in the period) | { 'stale' } (period or day have ended) | {
--         'no_org' } | { 'fault why' } (include/soundness.lua)
-- Effects as settle's; audit; the answer
-- @include clock
-- @include text
-- @include credits
-- @include records
-- @include policy
-- @include soundness
-- @include outbox
-- @include resolved
-- @include books
-- @include usage
-- @include charging
-- @include closing
-- @include audit
-- @include day
local now = server_time()
local books = open_books(now)
if not books.is_there then return { 'no_org' } end
local answered = arg.fingerprint ~= '' and redis.call('GET', key.answer)
if answered then
  local asked, was_id, was_used = answered:match('^(%S+) (%S+) (%S+)$')
  return asked == arg.fingerprint and { 'repeated', was_id, was_used } or { 'reused' }
end
local open = read_fields(key.org, { 'period_no', 'period_start', 'period_end' })
if open.period_no ~= arg.period_no or is_over(open, now) then return { 'stale' } end

local call = { user = 1, day = 1, user_day = 1, source = arg.source, model = 'adjustment' }
find_records(books, call)
want_usage(call)
read_books(books)
local user = call.user
-- The usage of a removed user can still be adjusted; a name without usage or membership gets no counters (A5).
if redis.call('HEXISTS', key.members, user.id) == 0 and not redis.call('ZSCORE', key.top, user.id) then
  return { 'unknown_user' }
end
local of_source = user.used[arg.source]
if of_source + arg.amount < 0 then return { 'below_zero', digits(of_source) } end
if books.total.used + arg.amount > MOST then return { 'too_much' } end

local used_before = sums(books.policy, user.used)
charge(books, call, arg.amount, 0, 0, 0)
local used = digits(user.total)
local reply = close_books(books, { 'adjusted', used })
if books.fault then return reply end
local after = arg.after:sub(1, -2) .. ',"used":' .. credits(user.total) .. '}'
audit(key.audit, now, '{"used":' .. credits(used_before) .. '}', after)
if arg.fingerprint ~= '' then
  redis.call('SET', key.answer, table.concat({ arg.fingerprint, arg.id, used }, ' '), 'PX', arg.answer_life_ms)
end
return reply
