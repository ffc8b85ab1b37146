-- How a hold was resolved is kept by its id, for longer than anyone may still ask (design: idempotency with a horizon).
local BUCKET_MS = 300000
local HORIZON_MS = 900000
local RESOLVED_LIFE_MS = 2100000
-- A journal may come back long after the lease ran out, and must then know what expiring has charged (D2).
local EXPIRED_LIFE_MS = 604800000

local function keep(key, life)
  if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, life) end
end

local function mark(bucket, id, text)
  bucket.value[id], bucket.write[id] = text, text
end
