#!lua flags=allow-oom
-- expire: resolves holds whose lease is over because their gateway died: charges the prompt and frees the rest (C6).
--
-- Returns { head as settle's, a status for each hold: 'expired cost freed', 'renewed' (its lease is not over),
--         'already' }; only the head if the organization no longer exists, whose leases are then deleted; { 'fault
--         why' } (include/soundness.lua)
-- Effects as settle's
-- @include clock
-- @include text
-- @include records
-- @include policy
-- @include soundness
-- @include outbox
-- @include resolved
-- @include books
-- @include usage
-- @include charging
-- @include closing
local now = server_time()
local books = open_books(now)
if not books.is_there then
  redis.call('DEL', key.leases)
  return { head_of(books) }
end
for _, call in ipairs(items) do
  find_records(books, call)
  local field = 'o:' .. call.hold_id
  want(call.user, field)
  -- The hold's source and model decide which counters are needed, so the holds are read first.
  call.open = redis.call('HGET', call.user.key, field)
  if call.open then
    local amount, prompt, source, model = call.open:match('^(%d+) (%d+) (%S+) %d+ (.*)$')
    call.amount, call.prompt, call.source, call.model = tonumber(amount), tonumber(prompt), source, model
    want_usage(call)
  end
  call.lease = table.concat({ arg.period_no, call.date, call.hold_id, call.user.id }, ' ')
  call.deadline = tonumber(redis.call('ZSCORE', key.leases, call.lease) or 0)
end
read_books(books)

local function expire(call)
  -- Read from the record, since the batch may contain the same hold twice.
  local open = call.user.value['o:' .. call.hold_id]
  if not open then
    -- A lease without a hold is left over from a lost write. It is deleted, so that no sweep finds it again.
    books.released[#books.released + 1] = call.lease
    return 'already'
  end
  if call.deadline > now then return 'renewed' end
  release(books, call, open)
  local cost = charge(books, call, call.prompt, 1, 0, 0)
  mark(call.bucket, call.hold_id, 'expired ' .. digits(cost))
  call.bucket.life = EXPIRED_LIFE_MS
  return table.concat({ 'expired', digits(cost), digits(math.max(0, call.amount - cost)) }, ' ')
end

local replies = {}
for i, call in ipairs(items) do replies[i] = expire(call) end
return close_books(books, replies)
