#!lua
-- reserve: holds the worst case of up to 64 calls of one organization, or returns why not (C3, C4, E1, L1-L5).
--
-- Returns { head, one entry per call }. head: 'ok now revision crossings' | 'stale now' | 'no_org' | 'fault why'
--         (include/soundness.lua). entry: 'reserved|denied|too_large|busy|unbounded used counted held limit|- amount',
--         'unknown_user', 'gone' (the id was released before), or { 'overdue', lease, … }: expire these leases of a
--         dead gateway, then ask again
-- Effects user hashes, total.held, leases; members (enrolled); outbox (first refusal, L4)
-- @include clock
-- @include text
-- @include records
-- @include policy
-- @include soundness
-- @include outbox
-- @include day
-- @include admission
local now = server_time()
local org = read_fields(key.org, { 'period_no', 'period_start', 'period_end', 'revision', 'admission', 'limit_on',
  'limit_default', 'exclude_workflow', 'exclude_agent_deployment', 'auto_enroll', 'max_members' })
if not org.period_no then return { 'no_org' } end
if org.period_no ~= arg.period_no or is_over(org, now) then return { 'stale ' .. digits(now) } end
local is_strict, policy = org.admission == 'strict', policy_of(org)
local total = read_fields(key.total, { 'used', 'held' })
total.used, total.held = tonumber(total.used or 0), tonumber(total.held or 0)

local users, buckets = new_records(key.users), new_records(key.buckets)
local known = redis.call('HMGET', key.members, unpack(arg.user_ids))
local custom = redis.call('HMGET', key.custom_limits, unpack(arg.user_ids))
for i = 1, #users do
  local user = users[i]
  user.id, user.known, user.has_new = arg.user_ids[i], known[i], {}
  cap(policy, user, custom[i])
  want(user, 'sweep_at')
end
for i = 1, #items do
  local call = items[i]
  call.user, call.bucket, call.field = users[call.user], buckets[call.bucket], 'o:' .. call.hold_id
  want(call.user, call.field)
  want(call.bucket, call.hold_id)
end
for i = 1, #buckets do read_record(buckets[i]) end
local fault = fault_of_total(total)
for i = 1, #users do
  local user = users[i]
  read_user(user)
  fault = fault or fault_of_user(user)
  user.is_new = next(user.value) == nil
  user.total, user.counted = sums(policy, user.used)
  user.sums_text = digits(user.total) .. ' ' .. digits(user.counted) .. ' '
  user.sweep_at = tonumber(user.value.sweep_at)
end
if fault then return { 'fault ' .. fault } end

local events, leases, members = {}, {}, { enrolled = {} }
local deadline = now + arg.lease_ms
local deadline_text, is_of, lease_of = digits(deadline), ' ' .. arg.day .. ' ', arg.period_no .. ' ' .. arg.day .. ' '

-- Adds a hold of `amount_text` to the books.
local function hold(call, amount_text)
  local user, source, amount = call.user, call.source, tonumber(amount_text)
  user.held[source] = user.held[source] + amount
  total.held, total.moved = total.held + amount, true
  user.has_new[source] = true
  set(user, call.field, amount_text .. ' ' .. call.prompt_price .. ' ' .. source .. is_of .. call.model)
  if not user.sweep_at then
    user.sweep_at = deadline
    set(user, 'sweep_at', deadline_text)
  end
  leases[#leases + 1], leases[#leases + 2] = deadline_text, lease_of .. call.hold_id .. ' ' .. user.id
end

-- The first refusal of a user at this limit is a crossing (L4).
local function note_refusal(user)
  if user.value[user.hit] then return end
  user.value[user.hit] = true
  set(user, user.hit, digits(now))
  events[#events + 1] = limit_reached(user.id, user.total, user.counted, user.limit)
end

local function answer(call)
  local user, open = call.user, call.user.value[call.field]
  if call.bucket.value[call.hold_id] then return 'gone' end
  if not (open or user.known or enroll(org, members, call)) then return 'unknown_user' end
  local amount_text = is_strict and call.strict_worst_case ~= '' and call.strict_worst_case or call.worst_case
  local status = 'reserved'
  if open then
    amount_text = open:match('^%d+')
  else
    status = admit(policy, is_strict, user, call, tonumber(amount_text))
    -- The users' sums are parts of the total, so this bounds them too.
    if status == 'reserved' and total.held + tonumber(amount_text) > MOST then status = 'busy' end
    if status == 'busy' and (user.sweep_at or 0) <= now then
      local overdue = overdue_of(user, now)
      if overdue then return overdue end
    end
    if status == 'reserved' then hold(call, amount_text) end
    if status == 'denied' then note_refusal(user) end
  end
  local _, held = sums(policy, user.held)
  return status .. ' ' .. user.sums_text .. digits(held) .. ' ' .. (user.limit_text or '-') .. ' ' .. amount_text
end

local replies = { '' }
for i = 1, #items do replies[i + 1] = answer(items[i]) end
replies[1] = 'ok ' .. digits(now) .. ' ' .. org.revision .. ' ' .. #events

if #members.enrolled > 0 then redis.call('HSET', key.members, unpack(members.enrolled)) end
for i = 1, #users do
  local user = users[i]
  for source in pairs(user.has_new) do set(user, HELD[source], digits(user.held[source])) end
  if #user.write > 0 then
    redis.call('HSET', user.key, unpack(user.write))
    if user.is_new then redis.call('PEXPIREAT', user.key, arg.user_life_end_ms) end
  end
end
if #leases > 0 then redis.call('ZADD', key.leases, unpack(leases)) end
if total.moved then redis.call('HSET', key.total, 'held', digits(total.held)) end
local period = { no = org.period_no, start = org.period_start, finish = org.period_end }
for _, event in ipairs(events) do record(key.outbox, 'user.limit.reached', period, now, event) end
return replies
