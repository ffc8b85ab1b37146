-- Decisions of reserve: whether a call is admitted, and which leases of dead gateways block it.

-- Adds a field to write to the user's hash; here `write` is a list.
local function set(user, field, value)
  local write = user.write
  write[#write + 1], write[#write + 2] = field, value
end

-- The checks of E1, in its order. `amount` is the worst case in the organization's mode of admission.
local function admit(policy, is_strict, user, call, amount)
  if amount == 0 or not user.limit or policy.excluded[call.source] then return 'reserved' end
  local left = user.limit - user.counted
  if left <= 0 then return 'denied' end
  local _, held = sums(policy, user.held)
  if not is_strict then return held >= left and 'busy' or 'reserved' end
  if call.strict_worst_case == '' then return 'unbounded' end
  if amount > left then return 'too_large' end
  return amount > left - held and 'busy' or 'reserved'
end

-- The user's leases that are over (C6), at most 500, as { 'overdue', lease, … }; nil if there are none. Otherwise the
-- earliest deadline is stored in `sweep_at`, so that the search runs at most once per lease.
local function overdue_of(user, now)
  local late, earliest, all = { 'overdue' }, nil, redis.call('HGETALL', user.key)
  for i = 1, #all, 2 do
    if all[i]:sub(1, 2) == 'o:' then
      local date, hold_id = all[i + 1]:match('^%d+ %d+ %S+ (%d+)'), all[i]:sub(3)
      local lease = table.concat({ arg.period_no, date, hold_id, user.id }, ' ')
      local deadline = tonumber(redis.call('ZSCORE', key.leases, lease) or 0)
      if deadline <= now then
        if #late <= 500 then late[#late + 1] = lease end
      elseif not earliest or deadline < earliest then earliest = deadline end
    end
  end
  if #late > 1 then return late end
  if earliest then
    user.sweep_at = earliest
    set(user, 'sweep_at', digits(earliest))
  end
  return nil
end

-- Makes an unknown user a member if the organization allows it. A user removed by an admin stays removed (A4).
local function enroll(org, members, call)
  local id = call.user.id
  if call.may_enroll ~= '1' or org.auto_enroll ~= '1' then return false end
  if redis.call('SISMEMBER', key.removed_members, id) == 1 then return false end
  members.count = members.count or redis.call('HLEN', key.members)
  if members.count >= tonumber(org.max_members) then return false end
  members.count, call.user.known = members.count + 1, true
  members.enrolled[#members.enrolled + 1] = id
  members.enrolled[#members.enrolled + 1] = '{"email":null,"name":null,"role":"member"}'
  return true
end
