-- The counters that resolving holds of one period touches: read all, change them in memory, write each key once.
-- KEYS    1 org, 2 custom limits, 3 total, 4 armed, 5 fired, 6 top, 7 leases, 8 outbox, 9 alerts, then the user hashes, the days,
--         the users' days, the resolved hashes
-- ARGV    1 period number, 2 end of the user hashes' life (ms), 3 life of days (ms), 4 life of users' days (ms),
--         5-8 counts of users, days, users' days, resolved hashes, then the user ids, then the calls
local USAGE = '^(%-?%d+) (%-?%d+) (%d+) (%d+)$'
local MOST = 9000000000000000 -- No counter may pass 2^53; a cost that would carry the total past this is cut there.
local now = server_time()
local o = redis.call('HMGET', KEYS[1], 'limit_on', 'limit_default', 'exclude_workflow', 'exclude_agent_deployment',
  'alert_on', 'alert_mark', 'alert_version', 'allowance', 'period_no', 'created_at', 'memory')
-- An organization that was deleted gets no counters any more, which one that is made anew would inherit.
local org_exists = o[9] and true or false
local memory = o[11] or '0 '
local policy = new_policy(o[1], o[2], o[3], o[4])
local alert = { on = o[5] == '1', mark = tonumber(o[6] or '0'), version = o[7] or '0' }
local t = redis.call('HMGET', KEYS[3], 'used', 'held', 'next_mark', 'start', 'end')
local total = { used = tonumber(t[1] or 0), held = tonumber(t[2] or 0), next_mark = tonumber(t[3]) }
local period = { no = ARGV[1], start = t[4] or '0', finish = t[5] or '0' }
local user_count, day_count, user_day_count, bucket_count =
  tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local FIRST_CALL = 9 + user_count
local events, released = {}, {}

-- A record is what is read and written of one hash: `fields` to read, the `value` of each once it is read, and in `write` what is to be
-- set. `usage` has what was added up of usage fields, as numbers until it is written.
local function group(first, count)
  local list = {}
  for i = 1, count do list[i] = { key = KEYS[first + i], fields = {}, write = {}, usage = {} } end
  return list, first + count
end
local days, user_days, buckets, last_key
local users = {}
days, last_key = group(9 + user_count, day_count)
user_days, last_key = group(last_key, user_day_count)
buckets, last_key = group(last_key, bucket_count)
for i = 1, bucket_count do buckets[i].no = buckets[i].key:match('%d+$') end

local custom = user_count > 0 and redis.call('HMGET', KEYS[2], unpack(ARGV, 9, 8 + user_count)) or {}
for i = 1, user_count do
  local limit, limit_text = limit_of(policy, custom[i])
  local hit = 'hit:' .. (limit_text or '')
  users[i] = { key = KEYS[9 + i], id = ARGV[8 + i], limit = limit, hit = hit, write = {}, usage = {}, drop = {}, has_new = {}, fields = { 'used:chat', 'used:workflow',
    'used:agent_deployment', 'held:chat', 'held:workflow', 'held:agent_deployment', 'alerted', hit } }
end

local function want(record_, field)
  local fields = record_.fields
  fields[#fields + 1] = field
end

-- What tells whether a hold is open, and what became of it.
local function want_hold(call)
  want(call.user, 'o:' .. call.id)
  want(call.bucket, call.id)
end

-- What `charge` adds to.
local function want_usage(call)
  local usage = call.source .. '|' .. call.model
  want(call.user, 'm:' .. usage)
  want(call.day, usage)
  want(call.user_day, usage)
end

local function read(r)
  local fields, value = r.fields, {}
  r.value = value
  if #fields == 0 then return value end
  local found = redis.call('HMGET', r.key, unpack(fields))
  for i = 1, #fields do value[fields[i]] = found[i] or nil end
  return value
end

-- Reads what was wanted of every record.
local function read_all()
  for i = 1, user_count do
    local u = users[i]
    local value = read(u)
    u.used = { chat = tonumber(value['used:chat'] or 0), workflow = tonumber(value['used:workflow'] or 0),
      agent_deployment = tonumber(value['used:agent_deployment'] or 0) }
    u.held = { chat = tonumber(value['held:chat'] or 0), workflow = tonumber(value['held:workflow'] or 0),
      agent_deployment = tonumber(value['held:agent_deployment'] or 0) }
  end
  for i = 1, day_count do read(days[i]) end
  for i = 1, user_day_count do read(user_days[i]) end
  for i = 1, bucket_count do read(buckets[i]) end
end

local function add_usage(record_, field, cost, calls, input, output)
  local sum = record_.usage[field]
  if not sum then
    local was = record_.value[field]
    if was then
      local credits, count, was_in, was_out = was:match(USAGE)
      sum = { credits + 0, count + 0, was_in + 0, was_out + 0 }
    else sum = { 0, 0, 0, 0 } end
    record_.usage[field] = sum
  end
  sum[1], sum[2], sum[3], sum[4] = sum[1] + cost, sum[2] + calls, sum[3] + input, sum[4] + output
end

-- Every alert whose mark the organization's usage has reached, once (O4-O6). In a period that is over an alert waits on as it stood
-- at the end, but one that was deleted since never fires (O9).
local function fire_alerts()
  local is_over = o[9] ~= ARGV[1]
  while total.next_mark and total.used >= total.next_mark do
    -- From the next mark on: what fired in this batch already is still in the set until the end of the script.
    local due = redis.call('ZRANGEBYSCORE', KEYS[4], digits(total.next_mark), digits(total.used), 'WITHSCORES')
    for i = 1, #due, 2 do
      local id, version, kind, threshold = due[i]:match('^(%S+) (%S+) (%S+) (%S+)$')
      if not is_over or redis.call('HEXISTS', KEYS[9], id) == 1 then
        events[#events + 1] = { type = 'org.alert.crossed', armed = due[i], id = id, fired = version .. ' ' .. digits(now) .. ' ' .. digits(total.used),
          event = alert_crossed(id, version, kind, threshold, tonumber(due[i + 1]), total.used, o[8] or '0') }
      end
    end
    local rest = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. digits(total.used), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    total.next_mark = tonumber(rest[2])
    total.moved = true
  end
end

-- Adds a cost to every counter that holds it, and records what it crosses.
local function charge(u, call, cost, calls, input, output)
  cost = math.min(cost, MOST - total.used)
  local source = call.source
  u.used[source] = u.used[source] + cost
  u.has_new[USED[source]] = source
  total.used = total.used + cost
  local usage = source .. '|' .. call.model
  add_usage(u, 'm:' .. usage, cost, calls, input, output)
  add_usage(call.day, usage, cost, calls, input, output)
  add_usage(call.user_day, usage, cost, calls, input, output)
  local all, counted = sums(policy, u.used)
  u.total = all
  -- What is given back fires nothing, and arms nothing again (C8).
  if cost <= 0 then return cost end
  if total.next_mark and total.used >= total.next_mark then fire_alerts() end
  if alert.on and all >= alert.mark and u.value.alerted ~= alert.version then
    u.value.alerted, u.write.alerted = alert.version, alert.version
    events[#events + 1] = { type = 'user.alert.crossed', event = { 'user', u.id, 'version', alert.version, 'threshold',
      digits(alert.mark), 'mark', digits(alert.mark), 'used', digits(all), 'counted', digits(counted) } }
  end
  if u.limit and counted >= u.limit and not policy.excluded[source] then
    if not u.value[u.hit] then
      u.value[u.hit], u.write[u.hit] = true, digits(now)
      events[#events + 1] = { type = 'user.limit.reached', event = limit_reached(u.id, all, counted, u.limit) }
    end
  end
  return cost
end

-- Takes an open hold off the books; `open` is its text in the user hash.
local function release(u, call, open)
  local amount, source, date = open:match('^(%d+) %d+ (%S+) (%d+)')
  local field = 'o:' .. call.id
  u.held[source] = u.held[source] - amount
  u.has_new[HELD[source]] = source
  u.value[field] = nil
  u.drop[#u.drop + 1] = field
  total.held = total.held - amount
  released[#released + 1] = period.no .. ' ' .. date .. ' ' .. call.id .. ' ' .. u.id
end

-- The first line of the reply: server time, and how many crossings of each kind went to the outbox.
local function head()
  local counts = { ['org.alert.crossed'] = 0, ['user.alert.crossed'] = 0, ['user.limit.reached'] = 0 }
  for _, e in ipairs(events) do counts[e.type] = counts[e.type] + 1 end
  return table.concat({ 'ok', digits(now), tostring(counts['org.alert.crossed']), tostring(counts['user.alert.crossed']),
    tostring(counts['user.limit.reached']) }, ' ')
end

-- Answers whether the hash gained a field: it may be new then, and whatever is new gets its end of life.
local function write_hash(r)
  local args, n = {}, 0
  for field, value in pairs(r.write) do args[n + 1], args[n + 2], n = field, value, n + 2 end
  for field, sum in pairs(r.usage) do
    args[n + 1], args[n + 2], n = field, format('%.0f %.0f %.0f %.0f', sum[1], sum[2], sum[3], sum[4]), n + 2
  end
  return n > 0 and redis.call('HSET', r.key, unpack(args)) > 0
end

local function write_all()
  local scores = {}
  for i = 1, user_count do
    local u, write = users[i], users[i].write
    for field, source in pairs(u.has_new) do write[field] = digits((field == USED[source] and u.used or u.held)[source]) end
    if write_hash(u) then redis.call('PEXPIREAT', u.key, ARGV[2]) end
    if #u.drop > 0 then redis.call('HDEL', u.key, unpack(u.drop)) end
    if u.total then scores[#scores + 1], scores[#scores + 2] = digits(u.total), u.id end
  end
  for i = 1, day_count do if write_hash(days[i]) then redis.call('PEXPIRE', days[i].key, ARGV[3], 'NX') end end
  for i = 1, user_day_count do if write_hash(user_days[i]) then redis.call('PEXPIRE', user_days[i].key, ARGV[4], 'NX') end end
  for i = 1, bucket_count do
    local b = buckets[i]
    if write_hash(b) then memory = noted(memory, b, keep(b.key, b.life or RESOLVED_LIFE_MS), now) end
  end
  if memory ~= o[11] and memory ~= '0 ' then redis.call('HSET', KEYS[1], 'memory', memory) end
  if #scores > 0 and redis.call('ZADD', KEYS[6], unpack(scores)) > 0 then redis.call('PEXPIREAT', KEYS[6], ARGV[2]) end
  if #released > 0 then redis.call('ZREM', KEYS[7], unpack(released)) end
  redis.call('HSET', KEYS[3], 'used', digits(total.used), 'held', digits(total.held))
  if not t[1] then redis.call('PEXPIREAT', KEYS[3], ARGV[2]) end
  if total.moved then
    redis.call('HSET', KEYS[3], 'next_mark', total.next_mark and digits(total.next_mark) or '')
  end
  local disarm = {}
  for _, e in ipairs(events) do
    record(KEYS[8], e.type, period, now, e.event)
    if e.armed then
      disarm[#disarm + 1] = e.armed
      redis.call('HSET', KEYS[5], e.id, e.fired)
    end
  end
  if #disarm > 0 then
    redis.call('PEXPIREAT', KEYS[5], ARGV[2])
    redis.call('ZREM', KEYS[4], unpack(disarm))
  end
end
