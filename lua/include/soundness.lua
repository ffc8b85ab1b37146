-- Checks before the first write. A failure means a bug or a store that was edited by hand: the whole batch is refused
-- with `fault`, and nothing is written.

-- A sum beyond 2^53 would be inexact, since Lua's numbers are doubles.
local MOST = 9000000000000000

local function is_amount(n)
  return n >= 0 and n <= MOST and n % 1 == 0
end

-- Whether each of the sums by source is an amount; written without a loop, since it runs once per call.
local function are_amounts(by_source)
  local chat, workflow, agent = by_source.chat, by_source.workflow, by_source.agent_deployment
  return chat >= 0 and workflow >= 0 and agent >= 0 and chat + workflow + agent <= MOST
    and chat % 1 == 0 and workflow % 1 == 0 and agent % 1 == 0
end

-- The fault in a user's sums; nil if there is none.
local function fault_of_user(user)
  if are_amounts(user.held) and are_amounts(user.used) then return nil end
  for i = 1, #SOURCES do
    local source = SOURCES[i]
    local held, used = user.held[source], user.used[source]
    if not is_amount(held) then return HELD[source] .. ' of ' .. user.id .. ' would be ' .. held end
    if not is_amount(used) then return USED[source] .. ' of ' .. user.id .. ' would be ' .. used end
  end
  return 'the sums of ' .. user.id .. ' would pass what a counter may be'
end

local function fault_of_total(total)
  if not is_amount(total.held) then return 'held of the organization would be ' .. total.held end
  if not is_amount(total.used) then return 'used of the organization would be ' .. total.used end
end
