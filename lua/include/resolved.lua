-- How a hold was resolved is kept by its id, for longer than anyone may still ask (docs/design.md, invariant 5).
local BUCKET_MS = 300000
local HORIZON_MS = 900000
local HORIZON_BUCKETS = HORIZON_MS / BUCKET_MS
local RESOLVED_LIFE_MS = 2100000
-- A journal may come back long after the lease ran out, and must then know what expiring has charged (D2).
local EXPIRED_LIFE_MS = 604800000
local MOST_NOTED = 16

-- Answers whether the key was made just now: whatever is older has a lifetime.
local function keep(key, life)
  local left = redis.call('PTTL', key)
  if left < life then redis.call('PEXPIRE', key, life) end
  return left == -1
end

local function mark(bucket, id, text)
  bucket.value[id], bucket.write[id] = text, text
end

-- The life of a bucket runs by the store's clock, which may step: then what is forgotten must not pass for what never
-- was. So the organization's hash has in `memory` the latest bucket of the store's time, and those that were begun and
-- whose horizon is not over by that; one that is gone, or was begun anew (it has a minus there), has forgotten.
local function has_forgotten(memory, bucket)
  local no = bucket.no
  if tonumber(memory:match('^%d+')) >= no + HORIZON_BUCKETS then return true end
  if memory:find(' -' .. no .. ' ', 1, true) then return true end
  return memory:find(' ' .. no .. ' ', 1, true) and redis.call('EXISTS', bucket.key) == 0
end

-- `memory` once something was written to a bucket.
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
