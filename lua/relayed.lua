#!lua
-- relayed: takes crossings out of the outbox that a queue has, and remembers that it has them (N2).
--
-- KEYS    1 outbox, then the hash of each notice
-- ARGV    the entry in the outbox of each notice
-- Returns how many entries were taken out here; others may have done it
-- Effects outbox; relayed of the hashes that are still there
-- @include clock
-- @include text
local now = digits(server_time())
local there = {}
for i = 2, #KEYS do there[i] = redis.call('EXISTS', KEYS[i]) == 1 end

-- The mark comes before the entry goes, so that an entry that was read before is not taken for one that waits.
for i = 2, #KEYS do
  if there[i] then redis.call('HSETNX', KEYS[i], 'relayed', now) end
end
return redis.call('XDEL', KEYS[1], unpack(ARGV))
