#!lua
-- plan-deliveries: decides once to whom a notice goes, some recipients at a time; a repeated request gets the same
-- answer (N2, O7).
--
-- Returns 'gone' (the notice no longer exists) | 'planned' (it was decided before: these are not added) | the text
--         of each of these deliveries
-- Effects those of them that are new, the counts and indexes; with the last part, the field that marks it as
--         planned
-- @include clock
-- @include text
-- @include records
-- @include notices
-- @include filing
local now = server_time()
local notice = read_fields(key.notice, { 'crossing', 'planned', 'round' })
if not notice.crossing then return 'gone' end
if notice.planned then return 'planned' end

local texts, counts, added = {}, counts_of(key.notice), {}
for i, delivery in ipairs(items) do
  local field = 'd:' .. delivery.name
  local text = redis.call('HGET', key.notice, field)
  if not text then
    text = delivery_text(delivery.state, '0', notice.round or '0', now, delivery.reason)
    counts[delivery.state] = counts[delivery.state] + 1
    added[#added + 1] = { field, text }
  end
  texts[i] = text
end

for _, field in ipairs(added) do redis.call('HSET', key.notice, unpack(field)) end
if arg.is_last == '1' then redis.call('HSET', key.notice, 'planned', digits(now)) end
file_under(counts)
return texts
