-- Whom the per-user limit counts and caps, from the fields of the org hash and of the custom limits (L1, L2, L5, L6).
-- What runs once a call is written out where a loop would be shorter: in Lua 5.1 that is most of what a call costs.
local SOURCES = { 'chat', 'workflow', 'agent_deployment' }
local USED = { chat = 'used:chat', workflow = 'used:workflow', agent_deployment = 'used:agent_deployment' }
local HELD = { chat = 'held:chat', workflow = 'held:workflow', agent_deployment = 'held:agent_deployment' }

local function new_policy(limit_on, limit_default, exclude_workflow, exclude_agent_deployment)
  return {
    on = limit_on == '1',
    default = limit_default or '0',
    excluded = { workflow = exclude_workflow == '1', agent_deployment = exclude_agent_deployment == '1' },
  }
end

-- A user's limit in microcredits, as a number and as the text of it, or nil where nothing caps the user; `custom` is false where there
-- is none.
local function limit_of(policy, custom)
  if not policy.on or custom == 'unlimited' then return nil end
  local text = custom or policy.default
  return tonumber(text), text
end

-- Sums by source: all of them, and those that count towards the limit.
local function sums(policy, by_source)
  local all, excluded = by_source.chat + by_source.workflow + by_source.agent_deployment, policy.excluded
  local counted = all
  if excluded.workflow then counted = counted - by_source.workflow end
  if excluded.agent_deployment then counted = counted - by_source.agent_deployment end
  return all, counted
end
