#!lua
-- redeliver: puts what did not reach anybody back in line: an admin asked for it (N2). The wish goes to the outbox in the same step,
-- so that a gateway that dies before the queue has it leaves it to the next sweep.
--
-- KEYS    1 hash of the notice, indexes: 2 queued, 3 sent, 4 failed, 5 parked, 6 no_recipients; 7 audit, 8 outbox
-- ARGV    1 member of the indexes, 2 life of the log (ms), 3 the oldest time (ms) that it shows, 4 id of the notice,
--         5 name of the one delivery that is wanted, or '' for all, 6-10 the change (include/audit.lua)
-- Returns 'gone' | 'nothing' (all of it is sent, or still in line) | the number of the round that begins
-- Effects failed and parked deliveries are queued; of all, those without recipients go, and the plan with them, so that they are
--         looked for again; audit; outbox
-- @include clock
-- @include text
-- @include audit
-- @include notices
local record, now, only = KEYS[1], server_time(), ARGV[5] ~= '' and 'd:' .. ARGV[5]
local crossing, planned, before = unpack(redis.call('HMGET', record, 'crossing', 'planned', 'round'))
if not crossing then return 'gone' end
local fields = only and { only, redis.call('HGET', record, only) or '' } or redis.call('HGETALL', record)
local counts, again, gone = counts_of(record), {}, {}
for i = 1, #fields, 2 do
  local state = fields[i]:sub(1, 2) == 'd:' and fields[i + 1]:match('^%S+')
  if state == 'failed' or state == 'parked' then
    again[#again + 1] = fields[i]
    counts[state], counts.queued = counts[state] - 1, counts.queued + 1
  elseif state == 'no_recipients' and not only then
    gone[#gone + 1] = fields[i]
    counts[state] = counts[state] - 1
  end
end
if #again + #gone == 0 and (planned or only) then return 'nothing' end

local round = digits(tonumber(before or '0') + 1)
for _, name in ipairs(again) do redis.call('HSET', record, name, delivery_text('queued', '0', round, now, '')) end
redis.call('HSET', record, 'round', round)
file_under(record, 2, ARGV[1], counts, ARGV[2], ARGV[3])
if not only then gone[#gone + 1] = 'planned' end
for from = 1, #gone, 1000 do redis.call('HDEL', record, unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('XADD', KEYS[8], '*', 'type', 'redelivery', 'notice', ARGV[4], 'round', round, 'at', digits(now))
audit(KEYS[7], now, 6)
return round
