-- Changes the books in memory: charges a cost and fires what it crosses, and releases holds.

local function add_usage(record, field, cost, calls, input, output)
  local usage = record.usage or {}
  record.usage = usage
  local sum = usage[field]
  if not sum then
    sum = { 0, 0, 0, 0 }
    local was = record.value[field]
    if was then
      local credits, count, was_in, was_out = was:match(USAGE)
      sum = { credits + 0, count + 0, was_in + 0, was_out + 0 }
    end
    usage[field] = sum
  end
  sum[1], sum[2], sum[3], sum[4] = sum[1] + cost, sum[2] + calls, sum[3] + input, sum[4] + output
end

-- Fires every organization alert whose mark the usage has reached, once (O4-O6). In an earlier period the alerts stay
-- as they were at its end, but a deleted alert never fires (O9).
local function fire_alerts(books)
  local total, now_text = books.total, digits(books.now)
  local is_over = books.org.period_no ~= arg.period_no
  while total.next_mark and total.used >= total.next_mark do
    -- Starts at the next mark: an alert that fired earlier in this batch stays in the set until the end of the
    -- script.
    local due = redis.call('ZRANGEBYSCORE', key.armed, digits(total.next_mark), digits(total.used), 'WITHSCORES')
    for i = 1, #due, 2 do
      local id, version, kind, threshold = due[i]:match('^(%S+) (%S+) (%S+) (%S+)$')
      if not is_over or redis.call('HEXISTS', key.alerts, id) == 1 then
        local allowance = books.org.allowance or '0'
        books.events[#books.events + 1] = { type = 'org.alert.crossed', armed = due[i], id = id,
          fired = version .. ' ' .. now_text .. ' ' .. digits(total.used),
          event = alert_crossed(id, version, kind, threshold, tonumber(due[i + 1]), total.used, allowance) }
      end
    end
    local rest = redis.call('ZRANGEBYSCORE', key.armed, '(' .. digits(total.used), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    total.next_mark = tonumber(rest[2])
    total.moved = true
  end
end

-- Fires the per-user alert and the per-user limit, once each: the alert by the user's total usage, the limit by the
-- part that counts.
local function fire_of_user(books, user, source, all, counted)
  local alert, events = books.alert, books.events
  if alert.on and all >= alert.mark and user.value.alerted ~= alert.version then
    user.value.alerted, user.write.alerted = alert.version, alert.version
    local mark_text = digits(alert.mark)
    events[#events + 1] = { type = 'user.alert.crossed', event = { 'user', user.id, 'version', alert.version,
      'threshold', mark_text, 'mark', mark_text, 'used', digits(all), 'counted', digits(counted) } }
  end
  if user.limit and counted >= user.limit and not books.policy.excluded[source] and not user.value[user.hit] then
    user.value[user.hit], user.write[user.hit] = true, digits(books.now)
    events[#events + 1] = { type = 'user.limit.reached', event = limit_reached(user.id, all, counted, user.limit) }
  end
end

-- Adds a cost to every counter concerned, and records what it crosses. Returns the cost, cut so that the total does
-- not exceed MOST.
local function charge(books, call, cost, calls, input, output)
  local user, total, source = call.user, books.total, call.source
  if cost ~= math.floor(cost) then books.fault = 'a cost of ' .. cost .. ' of ' .. user.id end
  cost = math.min(cost, MOST - total.used)
  user.used[source] = user.used[source] + cost
  user.has_new[USED[source]] = source
  total.used = total.used + cost
  local usage = source .. '|' .. call.model
  add_usage(user, 'm:' .. usage, cost, calls, input, output)
  add_usage(call.day, usage, cost, calls, input, output)
  add_usage(call.user_day, usage, cost, calls, input, output)
  local all, counted = sums(books.policy, user.used)
  user.total = all
  -- Giving credits back fires nothing and re-arms nothing (C8).
  if cost <= 0 then return cost end
  if total.next_mark and total.used >= total.next_mark then fire_alerts(books) end
  fire_of_user(books, user, source, all, counted)
  return cost
end

-- Removes an open hold from the books; `open` is its text in the user hash.
local function release(books, call, open)
  local user, total, field = call.user, books.total, 'o:' .. call.hold_id
  local amount, source, date = open:match('^(%d+) %d+ (%S+) (%d+)')
  if not HELD[source] then
    books.fault = 'the hold ' .. call.hold_id .. ' of ' .. user.id .. ' cannot be read: ' .. open
    return
  end
  user.held[source] = user.held[source] - amount
  user.has_new[HELD[source]] = source
  user.value[field] = nil
  user.drop[#user.drop + 1] = field
  total.held = total.held - amount
  books.released[#books.released + 1] = table.concat({ books.period.no, date, call.hold_id, user.id }, ' ')
end
