-- How a hold was resolved is stored by its id, for longer than anyone may still ask (docs/design.md, invariant 5).
local BUCKET_MS = 300000
local HORIZON_MS = 900000
local HORIZON_BUCKETS = HORIZON_MS / BUCKET_MS
local RESOLVED_LIFE_MS = 2100000
-- A journal may be replayed long after the lease ran out, and must then know what the expiry charged (D2).
local EXPIRED_LIFE_MS = 604800000
local MOST_NOTED = 16

-- Returns whether the key is new: every older key has an expiry.
local function keep(key, life)
  local left = redis.call('PTTL', key)
  if left < life then redis.call('PEXPIRE', key, life) end
  return left == -1
end

local function mark(bucket, id, text)
  bucket.value[id], bucket.write[id] = text, text
end

-- A bucket expires by the store's clock, which may step; a forgotten id must not pass for one that never existed. So
-- `memory` in the organization's hash has the latest bucket of the store's time, and the buckets that were begun and
-- are within the horizon. A listed bucket that no longer exists, or was begun again (marked by a minus), has
-- forgotten.
local function has_forgotten(memory, bucket)
  local no = bucket.no
  if tonumber(memory:match('^%d+')) >= no + HORIZON_BUCKETS then return true end
  if memory:find(' -' .. no .. ' ', 1, true) then return true end
  return memory:find(' ' .. no .. ' ', 1, true) and redis.call('EXISTS', bucket.key) == 0
end

-- Returns `memory` after a write to a bucket.
local function noted(memory, bucket, is_new, now)
  local no, latest, current = bucket.no, tonumber(memory:match('^%d+')), math.floor(now / BUCKET_MS)
  local is_known = memory:find(' ' .. no .. ' ', 1, true)
  if is_known and not is_new and latest >= current then return memory end
  latest = math.max(latest, current)
  local is_begun_anew = is_known and is_new or memory:find(' -' .. no .. ' ', 1, true)
  local kept = { digits(latest) }
  for sign, other in ((is_begun_anew and ' -' or ' ') .. no .. memory:gsub('^%d+', '')):gmatch(' (%-?)(%d+)') do
    local is_of_use = latest < other + HORIZON_BUCKETS and #kept <= MOST_NOTED and (#kept == 1 or other ~= no)
    if is_of_use then kept[#kept + 1] = sign .. other end
  end
  return table.concat(kept, ' ') .. ' '
end
