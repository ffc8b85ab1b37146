#!lua
-- check-totals: recomputes what an organization has used in its open period from its usage by day, and what is held from its users' open holds;
-- puts right what differs, on request, with a line in the audit log (decision 0037).
--
-- KEYS    1 org, 2 total of the open period, 3 leases, 4 audit, then the days of the period (none where they do not tell), then the
--         user hashes of everybody who may hold something
-- ARGV    1 period number, 2 end of the last day (ms), 3 '1' to repair, 4 count of days, 5 '1' to look at what is held, 6-10 the change, whose
--         before and after are written here, then the user ids
-- Returns { 'checked' | 'repaired', then three per difference: counter, stored and recomputed (microcredits) } | { 'stale' } | { 'no_org' } |
--         { 'unknown', user, … } (these have open holds as well: ask again with them)
-- Effects on repair: the total; the audit log
-- @include clock
-- @include text
-- @include credits
-- @include audit
-- @include differences
local now = server_time()
local period_no = redis.call('HGET', KEYS[1], 'period_no')
if not period_no then return { 'no_org' } end
if period_no ~= ARGV[1] or now >= tonumber(ARGV[2]) then return { 'stale' } end
local day_count, looks_at_held = tonumber(ARGV[4]), ARGV[5] == '1'
local total = redis.call('HMGET', KEYS[2], 'used', 'held')

if looks_at_held then
  local known, unknown = {}, { 'unknown' }
  for i = 11, #ARGV do known[ARGV[i]] = true end
  for _, lease in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    local no, user = lease:match('^(%d+) %d+ %S+ (.+)$')
    if no == ARGV[1] and not known[user] then
      known[user] = true
      unknown[#unknown + 1] = user
    end
  end
  if #unknown > 1 then return unknown end
end

local write = {}
local function compare(counter, stored, recomputed)
  if differs(counter, stored, recomputed) then write[#write + 1], write[#write + 2] = counter, digits(recomputed) end
end
if day_count > 0 then
  local used = 0
  for k = 5, 4 + day_count do
    for _, line in ipairs(redis.call('HVALS', KEYS[k])) do used = used + tonumber(line:match('^%-?%d+')) end
  end
  compare('used', tonumber(total[1] or 0), used)
end
if looks_at_held then
  local held = 0
  for k = 5 + day_count, #KEYS do
    local hash = redis.call('HGETALL', KEYS[k])
    for i = 1, #hash, 2 do
      if hash[i]:sub(1, 2) == 'o:' then held = held + tonumber(hash[i + 1]:match('^%d+')) end
    end
  end
  compare('held', tonumber(total[2] or 0), held)
end
if ARGV[3] ~= '1' or #write == 0 then return reply end
redis.call('HSET', KEYS[2], unpack(write))
return repaired(KEYS[4], now, 6)
