-- Charges what a call cost and removes its hold, once by its id. `forgotten` is the status of an id that is neither
-- open nor remembered, and so old that an earlier charge of it may have been forgotten: 'too_old' (nothing is
-- charged), or 'late' (the cost is charged, since no settle of the call was ever sent).
local function settle(books, call, forgotten)
  if call.org_created_at ~= '' and call.org_created_at ~= books.org.created_at then return 'other_org' end
  local bucket, id = call.bucket, call.hold_id
  local open, done = call.user.value['o:' .. id], bucket.value[id]
  if open then
    release(books, call, open)
    mark(bucket, id, 'charged ' .. digits(charge(books, call, call.cost, 1, call.input_tokens, call.output_tokens)))
    return 'charged'
  end
  if not done then
    local may_be_forgotten = books.now >= bucket.no * BUCKET_MS + HORIZON_MS or has_forgotten(books.memory, bucket)
    if may_be_forgotten and forgotten ~= 'late' then return forgotten end
    mark(bucket, id, 'charged ' .. digits(charge(books, call, call.cost, 1, call.input_tokens, call.output_tokens)))
    return 'late'
  end
  local before = tonumber(done:match('^expired (%d+)$'))
  if not before then return 'already' end
  local missing = charge(books, call, math.max(0, call.cost - before), 0, call.input_tokens, call.output_tokens)
  mark(bucket, id, 'charged ' .. digits(before + missing))
  return 'corrected ' .. digits(missing)
end
