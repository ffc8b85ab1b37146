#!lua
-- redeliver: queues the failed deliveries of a notice again because an admin asked for it (N2). The request goes to
-- the outbox in the same step: if the gateway dies before the queue has it, the next sweep finds it.
--
-- Returns 'gone' | 'nothing' (every delivery was sent or is still queued) | the number of the round that begins
-- Effects failed and parked deliveries are queued; if all are requested, those without recipients and the plan are
--         deleted, so that recipients are looked up again; audit; outbox
-- @include clock
-- @include text
-- @include records
-- @include audit
-- @include notices
-- @include filing
local now, only = server_time(), arg.only ~= '' and 'd:' .. arg.only
local notice = read_fields(key.notice, { 'crossing', 'planned', 'round' })
if not notice.crossing then return 'gone' end
local fields = only and { only, redis.call('HGET', key.notice, only) or '' } or redis.call('HGETALL', key.notice)
local counts, again, gone = counts_of(key.notice), {}, {}
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
if #again + #gone == 0 and (notice.planned or only) then return 'nothing' end

local round = digits(tonumber(notice.round or 0) + 1)
for _, name in ipairs(again) do redis.call('HSET', key.notice, name, delivery_text('queued', '0', round, now, '')) end
redis.call('HSET', key.notice, 'round', round)
file_under(counts)
if not only then gone[#gone + 1] = 'planned' end
for from = 1, #gone, 1000 do redis.call('HDEL', key.notice, unpack(gone, from, math.min(from + 999, #gone))) end
redis.call('XADD', key.outbox, '*', 'type', 'redelivery', 'notice', arg.id, 'round', round, 'at', digits(now))
audit(key.audit, now)
return round
