#!lua
-- relayed: takes crossings out of the outbox that a queue has, and remembers that it has them (N2).
--
-- Returns how many entries were taken out here; others may have done it
-- Effects outbox; relayed of the hashes that are still there
-- @include clock
-- @include text
local now = digits(server_time())
local there = {}
for i, notice in ipairs(key.notices) do there[i] = redis.call('EXISTS', notice) == 1 end

-- The mark comes before the entry goes, so that an entry that was read before is not taken for one that waits.
for i, notice in ipairs(key.notices) do
  if there[i] then redis.call('HSETNX', notice, 'relayed', now) end
end
return redis.call('XDEL', key.outbox, unpack(arg.entries))
