-- Ends every script that opens the books: checks them, writes each key once, and builds the head of the reply.

local function fault_of(books)
  if books.fault then return books.fault end
  for _, user in ipairs(books.users) do
    local fault = fault_of_user(user)
    if fault then return fault end
  end
  return fault_of_total(books.total)
end

-- Returns whether the hash gained a field: it may be new then, and every new hash gets an expiry.
local function write_record(record)
  local args, n = {}, 0
  for field, value in pairs(record.write) do args[n + 1], args[n + 2], n = field, value, n + 2 end
  for field, sum in pairs(record.usage or {}) do
    args[n + 1], args[n + 2], n = field, format('%.0f %.0f %.0f %.0f', sum[1], sum[2], sum[3], sum[4]), n + 2
  end
  return n > 0 and redis.call('HSET', record.key, unpack(args)) > 0
end

local function write_users(books)
  local scores = {}
  for i = 1, #books.users do
    local user = books.users[i]
    for field, source in pairs(user.has_new) do
      user.write[field] = digits((field == USED[source] and user.used or user.held)[source])
    end
    if write_record(user) then redis.call('PEXPIREAT', user.key, arg.user_life_end_ms) end
    if #user.drop > 0 then redis.call('HDEL', user.key, unpack(user.drop)) end
    if user.total then scores[#scores + 1], scores[#scores + 2] = digits(user.total), user.id end
  end
  if #scores > 0 and redis.call('ZADD', key.top, unpack(scores)) > 0 then
    redis.call('PEXPIREAT', key.top, arg.user_life_end_ms)
  end
end

local function write_days(records, life_ms)
  for i = 1, #records do
    local record = records[i]
    if write_record(record) then redis.call('PEXPIRE', record.key, life_ms, 'NX') end
  end
end

local function write_buckets(books)
  local memory = books.memory
  for _, bucket in ipairs(books.buckets) do
    if write_record(bucket) then
      memory = noted(memory, bucket, keep(bucket.key, bucket.life or RESOLVED_LIFE_MS), books.now)
    end
  end
  if memory ~= books.org.memory and memory ~= '0 ' then redis.call('HSET', key.org, 'memory', memory) end
end

local function write_total(total)
  redis.call('HSET', key.total, 'used', digits(total.used), 'held', digits(total.held))
  if total.is_new then redis.call('PEXPIREAT', key.total, arg.user_life_end_ms) end
  if total.moved then
    redis.call('HSET', key.total, 'next_mark', total.next_mark and digits(total.next_mark) or '')
  end
end

local function write_events(books)
  local disarm = {}
  for _, event in ipairs(books.events) do
    record(key.outbox, event.type, books.period, books.now, event.event)
    if event.armed then
      disarm[#disarm + 1] = event.armed
      redis.call('HSET', key.fired, event.id, event.fired)
    end
  end
  if #disarm > 0 then
    redis.call('PEXPIREAT', key.fired, arg.user_life_end_ms)
    redis.call('ZREM', key.armed, unpack(disarm))
  end
end

-- The head of a reply: the server's time, and how many crossings of each kind went to the outbox.
local function head_of(books)
  local counts = { ['org.alert.crossed'] = 0, ['user.alert.crossed'] = 0, ['user.limit.reached'] = 0 }
  for _, event in ipairs(books.events) do counts[event.type] = counts[event.type] + 1 end
  return table.concat({ 'ok', digits(books.now), tostring(counts['org.alert.crossed']),
    tostring(counts['user.alert.crossed']), tostring(counts['user.limit.reached']) }, ' ')
end

-- Returns { head, each of the replies }, or { 'fault why' } with nothing written.
local function close_books(books, replies)
  books.fault = fault_of(books)
  if books.fault then return { 'fault ' .. books.fault } end
  write_users(books)
  write_days(books.days, arg.day_life_ms)
  write_days(books.user_days, arg.user_day_life_ms)
  write_buckets(books)
  if #books.released > 0 then redis.call('ZREM', key.leases, unpack(books.released)) end
  write_total(books.total)
  write_events(books)
  table.insert(replies, 1, head_of(books))
  return replies
end
