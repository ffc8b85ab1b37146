#!lua
-- log-delivery: adds the outcome of an attempt to deliver a notice to the log (N4).
--
-- Returns 'logged' | 'gone' (the delivery no longer exists) | 'stale' (it was sent already, or is in another
--         round)
-- Effects the delivery, the counts and indexes
-- @include clock
-- @include text
-- @include notices
-- @include filing
local field, now = 'd:' .. arg.name, server_time()
local old, counts = redis.call('HGET', key.notice, field), counts_of(key.notice)
if not old then return 'gone' end
local old_state, _, round = old:match(DELIVERY)
if old_state == 'sent' or round ~= arg.round then return 'stale' end

-- In two steps: a delivery that fails again stays in its state.
counts[old_state] = counts[old_state] - 1
counts[arg.state] = counts[arg.state] + 1
redis.call('HSET', key.notice, field, delivery_text(arg.state, arg.attempts, round, now, arg.error))
file_under(counts)
return 'logged'
