-- Charges what a call cost and takes its hold off the books, once by its id. `forgotten` is what becomes of an id that is not open, is not
-- remembered, where that does not tell whether it was charged, since it is too old or its bucket has forgotten: 'too_old' (it is not),
-- or 'late' (it is, since nobody can have).
local function settle(call, forgotten)
  if call.org_created_at ~= '' and call.org_created_at ~= o[10] then return 'other_org' end
  local u = call.user
  local open, done = u.value['o:' .. call.id], call.bucket.value[call.id]
  if open then
    release(u, call, open)
    mark(call.bucket, call.id, 'charged ' .. digits(charge(u, call, call.cost, 1, call.input, call.output)))
    return 'charged'
  end
  if not done then
    local may_be_forgotten = now >= call.number * BUCKET_MS + HORIZON_MS or has_forgotten(memory, call.bucket)
    if may_be_forgotten and forgotten ~= 'late' then return forgotten end
    mark(call.bucket, call.id, 'charged ' .. digits(charge(u, call, call.cost, 1, call.input, call.output)))
    return 'late'
  end
  local before = tonumber(done:match('^expired (%d+)$'))
  if not before then return 'already' end
  local missing = charge(u, call, math.max(0, call.cost - before), 0, call.input, call.output)
  mark(call.bucket, call.id, 'charged ' .. digits(before + missing))
  return 'corrected ' .. digits(missing)
end
