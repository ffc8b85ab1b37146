#!lua flags=allow-oom
-- free: takes holds of calls that were not served off the books, at no cost (C5).
--
-- KEYS    1 total, 2 leases, then the user hashes, then the resolved hashes
-- ARGV    1 period number, 2 count of users, then four per hold: hold id, user id, indexes of user and resolved hash
-- Returns { 'ok now', one status per hold: 'freed', 'tombstone' (no such hold: a reserve that arrives late is refused) or
--         'already' }
-- Effects user hashes, total.held, leases, resolved
-- @include clock
-- @include text
-- @include resolved
local now = server_time()
local user_count = tonumber(ARGV[2])
local holds = {}
for at = 3, #ARGV, 4 do
  local user_key = KEYS[2 + tonumber(ARGV[at + 2])]
  local bucket_key = KEYS[2 + user_count + tonumber(ARGV[at + 3])]
  holds[#holds + 1] = { id = ARGV[at], user = ARGV[at + 1], user_key = user_key, bucket_key = bucket_key,
    open = redis.call('HGET', user_key, 'o:' .. ARGV[at]), done = redis.call('HGET', bucket_key, ARGV[at]) }
end

local replies, seen, total_held = { table.concat({ 'ok', digits(now) }, ' ') }, {}, 0
for i, hold in ipairs(holds) do
  if seen[hold.id] or (hold.done and not hold.open) then
    replies[i + 1] = 'already'
  else
    seen[hold.id] = true
    if hold.open then
      local amount, _, source, day = hold.open:match('^(%d+) (%d+) (%S+) (%d+)')
      total_held = total_held + tonumber(amount)
      redis.call('HDEL', hold.user_key, 'o:' .. hold.id)
      -- '-0' is no integer to HINCRBY, and would end the script between two writes.
      if amount ~= '0' then redis.call('HINCRBY', hold.user_key, 'held:' .. source, '-' .. amount) end
      redis.call('ZREM', KEYS[2], table.concat({ ARGV[1], day, hold.id, hold.user }, ' '))
    end
    redis.call('HSET', hold.bucket_key, hold.id, 'freed')
    keep(hold.bucket_key, RESOLVED_LIFE_MS)
    replies[i + 1] = hold.open and 'freed' or 'tombstone'
  end
end
if total_held > 0 then redis.call('HINCRBY', KEYS[1], 'held', '-' .. digits(total_held)) end
return replies
