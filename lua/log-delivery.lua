#!lua
-- log-delivery: writes what became of an attempt to deliver a notice to the log (N4).
--
-- KEYS    1 hash of the notice, indexes: 2 queued, 3 sent, 4 failed, 5 parked, 6 no_recipients
-- ARGV    1 member of the indexes, 2 life of the log (ms), 3 the oldest time (ms) that it shows, 4 name of the delivery,
--         5 round that the attempt belongs to, 6 state, 7 attempts so far in this round, 8 error or ''
-- Returns 'logged' | 'gone' (no such delivery any more) | 'stale' (it was sent, or is in another round)
-- Effects the delivery, the counts and indexes
-- @include clock
-- @include text
-- @include notices
local record, name, state = KEYS[1], 'd:' .. ARGV[4], ARGV[6]
local now, old, counts = server_time(), redis.call('HGET', record, name), counts_of(record)
if not old then return 'gone' end
local old_state, _, round = old:match(DELIVERY)
if old_state == 'sent' or round ~= ARGV[5] then return 'stale' end

-- One after the other: a second failure stays in its state.
counts[old_state] = counts[old_state] - 1
counts[state] = counts[state] + 1
redis.call('HSET', record, name, delivery_text(state, ARGV[7], round, now, ARGV[8]))
file_under(record, 2, ARGV[1], counts, ARGV[2], ARGV[3])
return 'logged'
