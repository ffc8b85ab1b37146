#!lua
-- check-user: recomputes a user's usage from the usage by day, and the held credits from the open holds. On request
-- it repairs differences, with a line in the audit log (decision 0037). Calls in flight do not disturb it: no other
-- script runs in between. Without `user_days`, the period's usage by model is trusted.
--
-- Returns { 'checked' | 'repaired', held by the user, then three per difference: counter, stored and recomputed
--         (microcredits) } | { 'stale' } | { 'no_org' }
-- Effects on repair: the user hash, the index by use, the audit log
-- @include clock
-- @include text
-- @include credits
-- @include policy
-- @include audit
-- @include usage
-- @include differences
local now = server_time()
local period_no = redis.call('HGET', key.org, 'period_no')
if not period_no then return { 'no_org' } end
if period_no ~= arg.period_no or now >= arg.day_end_ms then return { 'stale' } end

-- The stored counters.
local used, held, lines, true_held = {}, {}, {}, {}
for _, source in ipairs(SOURCES) do used[source], held[source], true_held[source] = 0, 0, 0 end
local hash = redis.call('HGETALL', key.user)
for i = 1, #hash, 2 do
  local kind, name = hash[i]:match('^(%w+):(.+)$')
  if kind == 'used' and used[name] then used[name] = tonumber(hash[i + 1]) end
  if kind == 'held' and held[name] then held[name] = tonumber(hash[i + 1]) end
  if kind == 'm' then lines[name] = hash[i + 1] end
  if kind == 'o' then
    local amount, _, source = hash[i + 1]:match('^(%d+) (%d+) (%S+)')
    true_held[source] = true_held[source] + tonumber(amount)
  end
end

-- The usage by day.
local believed = #key.user_days == 0 and lines or {}
for _, day_key in ipairs(key.user_days) do
  local day = redis.call('HGETALL', day_key)
  for i = 1, #day, 2 do
    local sum = { (believed[day[i]] or '0 0 0 0'):match(USAGE) }
    for place, figure in ipairs({ day[i + 1]:match(USAGE) }) do sum[place] = digits(sum[place] + figure) end
    believed[day[i]] = table.concat(sum, ' ')
  end
end
local function credits_of(line) return tonumber(line and line:match('^%-?%d+') or 0) end
local true_used, all = {}, 0
for _, source in ipairs(SOURCES) do true_used[source] = 0 end
for name, line in pairs(believed) do
  local source = name:match('^[^|]+')
  true_used[source] = true_used[source] + credits_of(line)
  all = all + credits_of(line)
end

local found, write, drop, holding = new_differences(), {}, {}, 0
local function compare(counter, stored, recomputed, field, text)
  if not differs(found, counter, stored, recomputed) then return end
  if field and text then write[#write + 1], write[#write + 2] = field, text
  elseif field then drop[#drop + 1] = field end
end
found.reply[2] = ''
for _, source in ipairs(SOURCES) do
  compare('used:' .. source, used[source], true_used[source], 'used:' .. source, digits(true_used[source]))
  compare('held:' .. source, held[source], true_held[source], 'held:' .. source, digits(true_held[source]))
  holding = holding + true_held[source]
end
found.reply[2] = digits(holding)
for name, line in pairs(believed) do
  compare('usage:' .. name, credits_of(lines[name]), credits_of(line), 'm:' .. name, line)
end
for name, line in pairs(lines) do
  if not believed[name] then compare('usage:' .. name, credits_of(line), 0, 'm:' .. name, nil) end
end
local score = tonumber(redis.call('ZSCORE', key.top, arg.user) or 0)
compare('index', score, all)
if arg.repair ~= '1' or #found.before == 0 then return found.reply end

if #write > 0 then redis.call('HSET', key.user, unpack(write)) end
redis.call('PEXPIREAT', key.user, arg.user_life_end_ms)
if #drop > 0 then redis.call('HDEL', key.user, unpack(drop)) end
if score ~= all then
  redis.call('ZADD', key.top, digits(all), arg.user)
  redis.call('PEXPIREAT', key.top, arg.user_life_end_ms)
end
return repaired(found, now)
