#!lua
-- plan-deliveries: decides once to whom a notice goes, some recipients at a time; who asks again gets the same answer (N2, O7).
--
-- KEYS    1 hash of the notice, indexes: 2 queued, 3 sent, 4 failed, 5 parked, 6 no_recipients
-- ARGV    1 member of the indexes, 2 life of the log (ms), 3 the oldest time (ms) that it shows, 4 'more' or 'last' (after these it
--         is decided), then three per delivery: its name, 'queued' or 'no_recipients', why nobody gets it ('' otherwise)
-- Returns 'gone' (no such notice any more) | 'planned' (it was decided before: these are not added) | the text of each of these deliveries
-- Effects those of them that are not there yet, the counts and indexes; with the last, the mark that it is planned
-- @include clock
-- @include text
-- @include notices
local record, now = KEYS[1], server_time()
local crossing, planned, round = unpack(redis.call('HMGET', record, 'crossing', 'planned', 'round'))
if not crossing then return 'gone' end
if planned then return 'planned' end

local texts, counts, fields = {}, counts_of(record), {}
for i = 5, #ARGV, 3 do
  local field, state = 'd:' .. ARGV[i], ARGV[i + 1]
  local text = redis.call('HGET', record, field)
  if not text then
    text = delivery_text(state, '0', round or '0', now, ARGV[i + 2])
    counts[state] = counts[state] + 1
    fields[#fields + 1] = { field, text }
  end
  texts[#texts + 1] = text
end

for _, field in ipairs(fields) do redis.call('HSET', record, unpack(field)) end
if ARGV[4] == 'last' then redis.call('HSET', record, 'planned', digits(now)) end
file_under(record, 2, ARGV[1], counts, ARGV[2], ARGV[3])
return texts
