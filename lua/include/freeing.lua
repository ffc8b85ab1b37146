-- Removes the hold of a call that was not served, at no cost, once by its id (C5). If its lease ran out before, the
-- credits that the expiry charged are given back like a refund: it fires nothing and re-arms nothing.
local function free(books, call)
  local user, bucket, id = call.user, call.bucket, call.hold_id
  local open, done = user.value['o:' .. id], bucket.value[id]
  if open then release(books, call, open) end
  if open or not done then
    mark(bucket, id, 'freed')
    return open and 'freed' or 'tombstone'
  end
  local before = tonumber(done:match('^expired (%d+)$'))
  if not before then return 'already' end
  -- An admin may have refunded part of it in the meantime: no counter falls below zero.
  local back = math.min(before, user.used[call.source])
  charge(books, call, -back, -1, 0, 0)
  mark(bucket, id, back == before and 'returned ' .. digits(back) or 'charged ' .. digits(before - back))
  return 'returned ' .. digits(back)
end
