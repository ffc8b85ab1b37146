#!lua flags=allow-oom
-- renew: keeps the leases of calls that still run (C6).
--
-- Returns 'ok now'
-- Effects moves the deadlines of open leases to now + lease; resolved ones stay resolved
-- @include clock
-- @include text
local now = server_time()
local deadline = digits(now + arg.lease_ms)
local args = {}
for i, lease in ipairs(arg.leases) do args[2 * i - 1], args[2 * i] = deadline, lease end
redis.call('ZADD', key.leases, 'XX', 'GT', unpack(args))
return 'ok ' .. digits(now)
