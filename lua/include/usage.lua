-- A usage field: credits, calls, input tokens, output tokens. A late free subtracts its call from a day whose hash
-- may have expired, so the first two may be negative.
local USAGE = '^(%-?%d+) (%-?%d+) (%d+) (%d+)$'
