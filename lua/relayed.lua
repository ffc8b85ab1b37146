#!lua
-- relayed: removes crossings that a queue has from the outbox, and records that the queue has them (N2).
--
-- Returns how many entries were removed here; other gateways may have removed the rest
-- Effects outbox; the field `relayed` of the notices that still exist
-- @include clock
-- @include text
local now = digits(server_time())
local there = {}
for i, notice in ipairs(key.notices) do there[i] = redis.call('EXISTS', notice) == 1 end

-- The mark is set before the entry is removed, so a gateway that read the entry before does not treat it as still
-- waiting.
for i, notice in ipairs(key.notices) do
  if there[i] then redis.call('HSETNX', notice, 'relayed', now) end
end
return redis.call('XDEL', key.outbox, unpack(arg.entries))
