#!lua flags=allow-oom
-- renew: keeps the leases of calls that still run (C6).
--
-- KEYS    1 leases
-- ARGV    1 lease (ms), then the leases to renew
-- Returns 'ok now'
-- Effects moves the deadlines of those that are open to now + lease; one that was resolved stays resolved
-- @include clock
-- @include text
local now = server_time()
local deadline = digits(now + tonumber(ARGV[1]))
local args = {}
for i = 2, #ARGV do args[#args + 1], args[#args + 2] = deadline, ARGV[i] end
redis.call('ZADD', KEYS[1], 'XX', 'GT', unpack(args))
return 'ok ' .. digits(now)
