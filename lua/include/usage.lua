-- A usage field: credits, calls, tokens of input and of output. A late free takes its call back from a day that may be
-- gone, so the first two may be below zero.
local USAGE = '^(%-?%d+) (%-?%d+) (%d+) (%d+)$'
