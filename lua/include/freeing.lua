-- Takes the hold of a call that was not served off the books at no cost, once by its id (C5). Where its lease ran out before that, what
-- expiring charged is given back, like a refund: it fires nothing and arms nothing again.
local function free(call)
  local u = call.user
  local open, done = u.value['o:' .. call.id], call.bucket.value[call.id]
  if open then release(u, call, open) end
  if open or not done then
    mark(call.bucket, call.id, 'freed')
    return open and 'freed' or 'tombstone'
  end
  local before = tonumber(done:match('^expired (%d+)$'))
  if not before then return 'already' end
  -- What an admin has refunded meanwhile is not there any more: no counter falls below zero.
  local back = math.min(before, u.used[call.source])
  charge(u, call, -back, -1, 0, 0)
  mark(call.bucket, call.id, back == before and 'returned ' .. digits(back) or 'charged ' .. digits(before - back))
  return 'returned ' .. digits(back)
end
