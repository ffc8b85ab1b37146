-- The log of notifications: a hash for each notice, and for each state an index of the notices with a delivery in it.
local STATES = { 'queued', 'sent', 'failed', 'parked', 'no_recipients' }
local DELIVERY = '^(%S+) (%d+) (%d+) (%d+) ?(.*)$'

-- The stored text of a delivery; `round` counts how often an admin had the notice sent again.
local function delivery_text(state, attempts, round, at, error_text)
  return table.concat({ state, attempts, round, digits(at), error_text }, ' ')
end

-- How many deliveries are in each state, by `n:<state>`.
local function counts_of(notice)
  local names, counts = {}, {}
  for i, state in ipairs(STATES) do names[i] = 'n:' .. state end
  local found = redis.call('HMGET', notice, unpack(names))
  for i, state in ipairs(STATES) do counts[state] = tonumber(found[i] or 0) end
  return counts
end

-- Adds notices to an index, and removes those that are older than the log shows. The added ones are not.
local function add_to_index(index, members)
  local scored = {}
  for i, member in ipairs(members) do scored[2 * i - 1], scored[2 * i] = '0', member end
  redis.call('ZADD', index, unpack(scored))
  redis.call('PEXPIRE', index, arg.life_ms)
  redis.call('ZREMRANGEBYLEX', index, '-', '(' .. arg.oldest)
end
