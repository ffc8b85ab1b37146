#!lua
-- redeliver: puts what did not reach anybody back in line: an admin asked for it (N2). The wish goes to the outbox in the same step,
-- so that a gateway that dies before the queue has it leaves it to the next sweep.
--
-- KEYS    1 hash of the notice, indexes: 2 queued, 3 sent, 4 failed, 5 parked, 6 no_recipients; 7 audit, 8 outbox
-- ARGV    1 member of the indexes, 2 life of the log (ms), 3 the oldest time (ms) that it shows, 4 id of the notice,
--         5-9 the change (include/audit.lua)
-- Returns 'gone' | 'nothing' (all of it is sent, or still in line) | the number of the round that begins
-- Effects failed and parked deliveries are queued; those without recipients go, so that they are looked for again; the plan; audit; outbox
-- @include clock
-- @include text
-- @include audit
-- @include notices
local record, now = KEYS[1], server_time()
local all = redis.call('HGETALL', record)
if #all == 0 then return 'gone' end
local value = {}
for i = 1, #all, 2 do value[all[i]] = all[i + 1] end
local counts = counts_of(record)
if value.planned and counts.failed + counts.parked + counts.no_recipients == 0 then return 'nothing' end

local round, gone = digits(tonumber(value.round or '0') + 1), { 'planned' }
for name, text in pairs(value) do
  local state = name:sub(1, 2) == 'd:' and text:match('^%S+') or 'sent'
  if state == 'no_recipients' then
    gone[#gone + 1] = name
  elseif state == 'failed' or state == 'parked' then
    redis.call('HSET', record, name, delivery_text('queued', '0', round, now, ''))
    counts.queued = counts.queued + 1
  end
end
counts.failed, counts.parked, counts.no_recipients = 0, 0, 0
redis.call('HSET', record, 'round', round)
file_under(record, 2, ARGV[1], counts, ARGV[2], ARGV[3])
for from = 1, #gone, 1000 do redis.call('HDEL', record, unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('XADD', KEYS[8], '*', 'type', 'redelivery', 'notice', ARGV[4], 'round', round, 'at', digits(now))
audit(KEYS[7], now, 5)
return round
