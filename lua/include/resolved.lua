-- How a hold was resolved is kept by its id, for longer than anyone may still ask (design: idempotency with a horizon).
local BUCKET_MS = 300000
local HORIZON_MS = 900000
local RESOLVED_LIFE_MS = 2100000

local function mark(bucket, id, text)
  bucket.value[id], bucket.write[id] = text, text
end
