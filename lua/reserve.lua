#!lua
-- reserve: holds the worst case of up to 64 calls of one organization, or says why not (C3, C4, E1, L1-L5).
--
-- KEYS    1 org, 2 members, 3 custom limits, 4 total, 5 leases, 6 outbox, 7 removed members, then the user hashes, then the
--         resolved hashes
-- ARGV    1 period number, 2 day start (ms), 3 day end (ms), 4 day, 5 lease (ms), 6 end of the user hashes' life (ms),
--         7 count of users, 8 count of resolved hashes, then the user ids, then nine per call: hold id, user index,
--         resolved index, source, worst case (microcredits), strict worst case or '', prompt price, model, may enroll
-- Returns { head, one entry per call }. head: 'ok now revision crossings' | 'stale now' | 'no_org'.
--         entry: 'reserved|denied|too_large|busy|unbounded used counted held limit|- amount', 'unknown_user', 'gone'
--         (the id was released before), or { 'overdue', lease, … }: expire these leases of a dead gateway, then ask again
-- Effects user hashes, total.held, leases; members (enrolled); outbox (first refusal, L4)
-- @include packed
-- @include clock
-- @include text
-- @include policy
-- @include outbox
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'period_no', 'period_start', 'period_end', 'revision', 'admission', 'limit_on',
  'limit_default', 'exclude_workflow', 'exclude_agent_deployment', 'auto_enroll', 'max_members')
if not o[1] then return { 'no_org' } end
local period = { no = o[1], start = o[2], finish = o[3] }
-- Where the clock has stepped back to before the period, it is the period's first day.
local time_of_day = math.max(now, tonumber(o[2]))
if period.no ~= ARGV[1] or now >= tonumber(o[3]) or time_of_day < tonumber(ARGV[2]) or time_of_day >= tonumber(ARGV[3]) then
  return { 'stale ' .. digits(now) }
end
local MOST = 9000000000000000
local strict = o[5] == 'strict'
local policy = new_policy(o[6], o[7], o[8], o[9])
local user_count, bucket_count = tonumber(ARGV[7]), tonumber(ARGV[8])

-- The calls, and per user and per resolved hash the fields to read.
local calls, users, buckets = {}, {}, {}
local known = redis.call('HMGET', KEYS[2], unpack(ARGV, 9, 8 + user_count))
local custom = redis.call('HMGET', KEYS[3], unpack(ARGV, 9, 8 + user_count))
for i = 1, user_count do
  local limit, limit_text = limit_of(policy, custom[i])
  users[i] = { id = ARGV[8 + i], key = KEYS[7 + i], known = known[i], limit = limit, limit_text = limit_text or '-', fields = { 'used:chat', 'used:workflow',
    'used:agent_deployment', 'held:chat', 'held:workflow', 'held:agent_deployment', 'sweep_at', 'hit:' .. (limit_text or '') }, write = {}, has_new = {} }
end
for i = 1, bucket_count do buckets[i] = {} end
for at = 9 + user_count, #ARGV, 9 do
  local id, user, bucket, source, loose, tight, prompt, model, may_enroll = unpack(ARGV, at, at + 8)
  user, bucket = users[tonumber(user)], buckets[tonumber(bucket)]
  local slot, place = #user.fields + 1, #bucket + 1
  user.fields[slot], bucket[place] = 'o:' .. id, id
  calls[#calls + 1] = { id = id, user = user, slot = slot, bucket = bucket, bucket_slot = place, source = source, loose = loose,
    tight = tight, prompt = prompt, model = model, may_enroll = may_enroll }
end
for i = 1, bucket_count do
  buckets[i].found = redis.call('HMGET', KEYS[7 + user_count + i], unpack(buckets[i]))
end
for i = 1, user_count do
  local u = users[i]
  local v = redis.call('HMGET', u.key, unpack(u.fields))
  u.found, u.fresh = v, not (v[1] or v[2] or v[3] or v[4] or v[5] or v[6] or v[8])
  u.used, u.counted = sums(policy, { chat = v[1] or 0, workflow = v[2] or 0, agent_deployment = v[3] or 0 })
  u.standing = digits(u.used) .. ' ' .. digits(u.counted) .. ' '
  u.held = { chat = tonumber(v[4] or 0), workflow = tonumber(v[5] or 0), agent_deployment = tonumber(v[6] or 0) }
  u.sweep_at, u.hit = tonumber(v[7]), v[8]
end

-- E1, in its order. `amount` is the worst case in the organization's mode of admission.
local function decide(u, call, amount)
  if amount == 0 or not u.limit or policy.excluded[call.source] then return 'reserved' end
  local left = u.limit - u.counted
  if left <= 0 then return 'denied' end
  local _, held = sums(policy, u.held)
  if not strict then return held >= left and 'busy' or 'reserved' end
  if call.tight == '' then return 'unbounded' end
  if amount > left then return 'too_large' end
  return amount > left - held and 'busy' or 'reserved'
end

-- Leases of this user's holds that are over (C6). Looked for at most once a lease, since the earliest is remembered.
local function overdue_of(u)
  local all, members = redis.call('HGETALL', u.key), {}
  for i = 1, #all, 2 do
    if all[i]:sub(1, 2) == 'o:' then
      members[#members + 1] = ARGV[1] .. ' ' .. all[i + 1]:match('^%d+ %d+ %S+ (%d+)') .. ' ' .. all[i]:sub(3) .. ' ' .. u.id
    end
  end
  local late, earliest = { 'overdue' }, nil
  for _, member in ipairs(members) do
    local deadline = tonumber(redis.call('ZSCORE', KEYS[5], member) or 0)
    if deadline <= now then
      if #late <= 500 then late[#late + 1] = member end
    elseif not earliest or deadline < earliest then earliest = deadline end
  end
  if #late == 1 and earliest then u.sweep_at, u.new_sweep_at = earliest, digits(earliest) end
  return #late > 1 and late or nil
end

local replies, events, leases, enrolled = { '' }, {}, {}, {}
local total_held = tonumber(redis.call('HGET', KEYS[4], 'held') or 0)
local deadline = now + tonumber(ARGV[5])
local deadline_text, is_of, lease_of = digits(deadline), ' ' .. ARGV[4] .. ' ', ARGV[1] .. ' ' .. ARGV[4] .. ' '
local member_count
local function enroll(call, u)
  if not (call.may_enroll == '1' and o[10] == '1') then return false end
  -- Whom an admin removed, no app brings back (A4).
  if redis.call('SISMEMBER', KEYS[7], u.id) == 1 then return false end
  member_count = member_count or redis.call('HLEN', KEYS[2])
  if member_count >= tonumber(o[11]) then return false end
  member_count, u.known = member_count + 1, true
  enrolled[#enrolled + 1], enrolled[#enrolled + 2] = u.id, '{"email":null,"name":null,"role":"member"}'
  return true
end

for i, call in ipairs(calls) do
  local u, source, reply = call.user, call.source, nil
  local open = u.found[call.slot]
  local amount_text = strict and call.tight ~= '' and call.tight or call.loose
  if call.bucket.found[call.bucket_slot] then
    reply = 'gone'
  elseif not (open or u.known or enroll(call, u)) then
    reply = 'unknown_user'
  else
    local amount = tonumber(amount_text)
    local status = open and 'reserved' or decide(u, call, amount)
    -- No sum of holds may pass 2^53, whoever sends calls of the largest size; the users' are parts of the total.
    if status == 'reserved' and not open and total_held + amount > MOST then status = 'busy' end
    if status == 'busy' and (u.sweep_at or 0) <= now then reply = overdue_of(u) end
    if open then
      amount_text = open:match('^%d+')
    elseif status == 'reserved' then
      u.held[source] = u.held[source] + amount
      total_held = total_held + amount
      u.has_new[source] = true
      local write = u.write
      write[#write + 1], write[#write + 2] = 'o:' .. call.id, amount_text .. ' ' .. call.prompt .. ' ' .. source .. is_of .. call.model
      if not u.sweep_at then u.sweep_at, u.new_sweep_at = deadline, deadline_text end
      leases[#leases + 1], leases[#leases + 2] = deadline_text, lease_of .. call.id .. ' ' .. u.id
    elseif status == 'denied' and not u.hit then
      u.hit, u.write[#u.write + 1], u.write[#u.write + 2] = true, 'hit:' .. u.limit_text, digits(now)
      events[#events + 1] = limit_reached(u.id, u.used, u.counted, u.limit)
    end
    if not reply then
      local _, held = sums(policy, u.held)
      reply = status .. ' ' .. u.standing .. digits(held) .. ' ' .. u.limit_text .. ' ' .. amount_text
    end
  end
  replies[i + 1] = reply
end
replies[1] = 'ok ' .. digits(now) .. ' ' .. o[4] .. ' ' .. #events

if #enrolled > 0 then redis.call('HSET', KEYS[2], unpack(enrolled)) end
for i = 1, user_count do
  local u = users[i]
  local write = u.write
  for source in pairs(u.has_new) do write[#write + 1], write[#write + 2] = HELD[source], digits(u.held[source]) end
  if u.new_sweep_at then write[#write + 1], write[#write + 2] = 'sweep_at', u.new_sweep_at end
  if #write > 0 then
    redis.call('HSET', u.key, unpack(write))
    if u.fresh then redis.call('PEXPIREAT', u.key, ARGV[6]) end
  end
end
if #leases > 0 then
  redis.call('ZADD', KEYS[5], unpack(leases))
  redis.call('HSET', KEYS[4], 'held', digits(total_held))
end
for _, event in ipairs(events) do record(KEYS[6], 'user.limit.reached', period, now, event) end
return replies
