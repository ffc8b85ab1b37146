#!lua
-- check-totals: recomputes an organization's usage in its open period from its usage by day, and its held credits
-- from its users' open holds. On request it repairs differences, with a line in the audit log (decision 0037).
-- Without `days`, the usage is not checked. `users` are those who may have open holds.
--
-- Returns { 'checked' | 'repaired', then three per difference: counter, stored and recomputed (microcredits) } | {
--         'stale' } | { 'no_org' } | { 'unknown', user, … } (these have open holds as well: ask again with them)
-- Effects on repair: the total; the audit log
-- @include clock
-- @include text
-- @include credits
-- @include records
-- @include audit
-- @include differences
local now, looks_at_held = server_time(), arg.looks_at_held == '1'
local period_no = redis.call('HGET', key.org, 'period_no')
if not period_no then return { 'no_org' } end
if period_no ~= arg.period_no or now >= arg.day_end_ms then return { 'stale' } end
local total = read_fields(key.total, { 'used', 'held' })

if looks_at_held then
  local known, unknown = {}, { 'unknown' }
  for _, user in ipairs(arg.user_ids) do known[user] = true end
  for _, lease in ipairs(redis.call('ZRANGE', key.leases, 0, -1)) do
    local no, user = lease:match('^(%d+) %d+ %S+ (.+)$')
    if no == arg.period_no and not known[user] then
      known[user] = true
      unknown[#unknown + 1] = user
    end
  end
  if #unknown > 1 then return unknown end
end

local found, write = new_differences(), {}
local function compare(counter, stored, recomputed)
  if differs(found, counter, stored, recomputed) then
    write[#write + 1], write[#write + 2] = counter, digits(recomputed)
  end
end
if #key.days > 0 then
  local used = 0
  for _, day in ipairs(key.days) do
    for _, line in ipairs(redis.call('HVALS', day)) do used = used + tonumber(line:match('^%-?%d+')) end
  end
  compare('used', tonumber(total.used or 0), used)
end
if looks_at_held then
  local held = 0
  for _, user in ipairs(key.users) do
    local hash = redis.call('HGETALL', user)
    for i = 1, #hash, 2 do
      if hash[i]:sub(1, 2) == 'o:' then held = held + tonumber(hash[i + 1]:match('^%d+')) end
    end
  end
  compare('held', tonumber(total.held or 0), held)
end
if arg.repair ~= '1' or #write == 0 then return found.reply end
redis.call('HSET', key.total, unpack(write))
return repaired(found, now)
