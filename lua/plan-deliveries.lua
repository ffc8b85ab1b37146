#!lua
-- plan-deliveries: decides once to whom a notice goes; who asks again gets the same answer (N2, O7).
--
-- KEYS    1 hash of the notice, indexes: 2 queued, 3 sent, 4 failed, 5 parked, 6 no_recipients
-- ARGV    1 member of the indexes, 2 life of the log (ms), 3 the oldest time (ms) that it shows, then three per delivery:
--         its name, 'queued' or 'no_recipients', why nobody gets it ('' otherwise)
-- Returns 'gone' (no such notice any more) | { how often it was sent again, then name and text of every delivery }
-- Effects the deliveries that are not there yet, planned, the counts and indexes; nothing where it was planned before
-- @include clock
-- @include text
-- @include notices
local record, now = KEYS[1], server_time()
local all = redis.call('HGETALL', record)
if #all == 0 then return 'gone' end
local value = {}
for i = 1, #all, 2 do value[all[i]] = all[i + 1] end
local round = value.round or '0'

local reply, counts = { round }, counts_of(record)
for name, text in pairs(value) do
  if name:sub(1, 2) == 'd:' then reply[#reply + 1], reply[#reply + 2] = name:sub(3), text end
end
if value.planned then return reply end

for i = 4, #ARGV, 3 do
  local name, state = ARGV[i], ARGV[i + 1]
  if not value['d:' .. name] then
    local text = delivery_text(state, '0', round, now, ARGV[i + 2])
    value['d:' .. name], counts[state] = text, counts[state] + 1
    reply[#reply + 1], reply[#reply + 2] = name, text
    redis.call('HSET', record, 'd:' .. name, text)
  end
end
redis.call('HSET', record, 'planned', digits(now))
file_under(record, 2, ARGV[1], counts, ARGV[2], ARGV[3])
return reply
