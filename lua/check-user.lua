#!lua
-- check-user: recomputes what a user has used from the usage by day, and what is held from the open holds; puts right what differs, on
-- request, with a line in the audit log (decision 0037). Whatever calls are in flight: no other script runs in between.
--
-- KEYS    1 org, 2 user hash of the open period, 3 index by use, 4 audit, then the user's days of the period; none of them where
--         days do not tell: then the usage by model of the period is what is believed
-- ARGV    1 period number, 2 end of the last day (ms), 3 end of the user hash's life (ms), 4 '1' to repair, 5 user id, 6-10 the change, whose
--         before and after are written here
-- Returns { 'checked' | 'repaired', held by the user, then three per difference: counter, stored and recomputed (microcredits) } | { 'stale' } |
--         { 'no_org' }
-- Effects on repair: the user hash, the index by use, the audit log
-- @include clock
-- @include text
-- @include credits
-- @include policy
-- @include audit
-- @include differences
local FIRST_DAY = 5
local now = server_time()
local period_no = redis.call('HGET', KEYS[1], 'period_no')
if not period_no then return { 'no_org' } end
if period_no ~= ARGV[1] or now >= tonumber(ARGV[2]) then return { 'stale' } end

-- As it stands.
local used, held, lines, true_held = {}, {}, {}, {}
for _, source in ipairs(SOURCES) do used[source], held[source], true_held[source] = 0, 0, 0 end
local hash = redis.call('HGETALL', KEYS[2])
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

-- As the days have it.
-- As include/accounts.lua writes it: a late free takes its call back from a day that may not be there any more, and counts below zero then.
local USAGE = '^(%-?%d+) (%-?%d+) (%d+) (%d+)$'
local believed = #KEYS < FIRST_DAY and lines or {}
for k = FIRST_DAY, #KEYS do
  local day = redis.call('HGETALL', KEYS[k])
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

local write, drop = {}, {}
local function compare(counter, stored, recomputed, field, text)
  if not differs(counter, stored, recomputed) then return end
  if field and text then write[#write + 1], write[#write + 2] = field, text
  elseif field then drop[#drop + 1] = field end
end
local holding = 0
reply[2] = ''
for _, source in ipairs(SOURCES) do
  compare('used:' .. source, used[source], true_used[source], 'used:' .. source, digits(true_used[source]))
  compare('held:' .. source, held[source], true_held[source], 'held:' .. source, digits(true_held[source]))
  holding = holding + true_held[source]
end
reply[2] = digits(holding)
for name, line in pairs(believed) do compare('usage:' .. name, credits_of(lines[name]), credits_of(line), 'm:' .. name, line) end
for name, line in pairs(lines) do
  if not believed[name] then compare('usage:' .. name, credits_of(line), 0, 'm:' .. name, nil) end
end
local score = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[5]) or 0)
compare('index', score, all)
if ARGV[4] ~= '1' or #before == 0 then return reply end

if #write > 0 then redis.call('HSET', KEYS[2], unpack(write)) end
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
if #drop > 0 then redis.call('HDEL', KEYS[2], unpack(drop)) end
if score ~= all then
  redis.call('ZADD', KEYS[3], digits(all), ARGV[5])
  redis.call('PEXPIREAT', KEYS[3], ARGV[3])
end
return repaired(KEYS[4], now, 6)
