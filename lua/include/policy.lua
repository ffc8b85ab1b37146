-- Which users the per-user limit counts and caps (L1, L2, L5, L6), from the fields of the organization's hash and the
-- custom limits. Code that runs once per call avoids loops: in Lua 5.1 they would be most of a call's cost.
local SOURCES = { 'chat', 'workflow', 'agent_deployment' }
local USED = { chat = 'used:chat', workflow = 'used:workflow', agent_deployment = 'used:agent_deployment' }
local HELD = { chat = 'held:chat', workflow = 'held:workflow', agent_deployment = 'held:agent_deployment' }

local function policy_of(org)
  return {
    on = org.limit_on == '1',
    default = org.limit_default or '0',
    excluded = { workflow = org.exclude_workflow == '1', agent_deployment = org.exclude_agent_deployment == '1' },
  }
end

-- Sets a user's limit in microcredits, as a number and as text (both nil if nothing caps the user). Also sets the
-- field that records when it was reached, and the fields to read. `custom` is false without a custom limit.
local function cap(policy, user, custom)
  if policy.on and custom ~= 'unlimited' then
    user.limit_text = custom or policy.default
    user.limit = tonumber(user.limit_text)
  end
  user.hit = 'hit:' .. (user.limit_text or '')
  user.fields = { 'used:chat', 'used:workflow', 'used:agent_deployment', 'held:chat', 'held:workflow',
    'held:agent_deployment', user.hit }
end

-- Reads a user's record, and its sums by source.
local function read_user(user)
  read_record(user)
  local value = user.value
  user.used = { chat = tonumber(value['used:chat'] or 0), workflow = tonumber(value['used:workflow'] or 0),
    agent_deployment = tonumber(value['used:agent_deployment'] or 0) }
  user.held = { chat = tonumber(value['held:chat'] or 0), workflow = tonumber(value['held:workflow'] or 0),
    agent_deployment = tonumber(value['held:agent_deployment'] or 0) }
end

-- Sums over the sources: of all, and of those that count towards the limit.
local function sums(policy, by_source)
  local all, excluded = by_source.chat + by_source.workflow + by_source.agent_deployment, policy.excluded
  local counted = all
  if excluded.workflow then counted = counted - by_source.workflow end
  if excluded.agent_deployment then counted = counted - by_source.agent_deployment end
  return all, counted
end
