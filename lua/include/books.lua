-- The books of one organization in one period: all counters that resolving holds touches. They are read together,
-- changed in memory (charging.lua), then checked and written together (closing.lua).

local function open_books(now)
  local org = read_fields(key.org, { 'limit_on', 'limit_default', 'exclude_workflow', 'exclude_agent_deployment',
    'alert_on', 'alert_mark', 'alert_version', 'allowance', 'period_no', 'created_at', 'memory' })
  local total = read_fields(key.total, { 'used', 'held', 'next_mark', 'start', 'end' })
  local books = {
    now = now,
    org = org,
    -- A deleted organization gets no counters: a new one with the same id would inherit them.
    is_there = org.period_no ~= nil,
    policy = policy_of(org),
    alert = { on = org.alert_on == '1', mark = tonumber(org.alert_mark or 0), version = org.alert_version or '0' },
    period = { no = arg.period_no, start = total.start or '0', finish = total['end'] or '0' },
    total = { is_new = not total.used, used = tonumber(total.used or 0), held = tonumber(total.held or 0),
      next_mark = tonumber(total.next_mark) },
    memory = org.memory or '0 ',
    users = new_records(key.users),
    days = new_records(key.days),
    user_days = new_records(key.user_days),
    buckets = new_records(key.buckets),
    -- Crossings for the outbox, and leases to remove.
    events = {},
    released = {},
  }
  for _, bucket in ipairs(books.buckets) do bucket.no = bucket.key:match('%d+$') end
  local custom = #key.users > 0 and redis.call('HMGET', key.custom_limits, unpack(arg.user_ids)) or {}
  for i, user in ipairs(books.users) do
    user.id, user.drop, user.has_new = arg.user_ids[i], {}, {}
    cap(books.policy, user, custom[i])
    want(user, 'alerted')
  end
  return books
end

-- Replaces a call's key numbers with their records.
local function find_records(books, call)
  call.user, call.day = books.users[call.user], books.days[call.day]
  call.user_day, call.bucket = books.user_days[call.user_day], books.buckets[call.bucket]
end

-- Requests the fields that tell whether a hold is open, and how it was resolved.
local function want_hold(call)
  want(call.user, 'o:' .. call.hold_id)
  want(call.bucket, call.hold_id)
end

-- Requests the fields that `charge` adds to.
local function want_usage(call)
  local usage = call.source .. '|' .. call.model
  want(call.user, 'm:' .. usage)
  want(call.day, usage)
  want(call.user_day, usage)
end

-- Reads every requested counter.
local function read_books(books)
  local users, days, user_days, buckets = books.users, books.days, books.user_days, books.buckets
  for i = 1, #users do read_user(users[i]) end
  for i = 1, #days do read_record(days[i]) end
  for i = 1, #user_days do read_record(user_days[i]) end
  for i = 1, #buckets do read_record(buckets[i]) end
end

-- Reads everything that charging or freeing these calls touches. A call that was let through without the store has no
-- hold, and therefore no bucket.
local function read_calls(books, calls)
  for i = 1, #calls do
    local call = calls[i]
    find_records(books, call)
    if call.bucket then want_hold(call) end
    want_usage(call)
  end
  read_books(books)
end
