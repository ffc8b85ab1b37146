-- Whom the per-user limit counts and caps, from the fields of the org hash and of the custom limits (L1, L2, L5, L6).
local SOURCES = { 'chat', 'workflow', 'agent_deployment' }

local function new_policy(limit_on, limit_default, exclude_workflow, exclude_agent_deployment)
  return {
    on = limit_on == '1',
    default = tonumber(limit_default or '0'),
    excluded = { workflow = exclude_workflow == '1', agent_deployment = exclude_agent_deployment == '1' },
  }
end

-- A user's limit in microcredits, or nil where nothing caps the user; `custom` is false where there is none.
local function limit_of(policy, custom)
  if not policy.on or custom == 'unlimited' then return nil end
  return custom and tonumber(custom) or policy.default
end

-- Sums by source: all of them, and those that count towards the limit.
local function sums(policy, by_source)
  local all, counted = 0, 0
  for _, source in ipairs(SOURCES) do
    local amount = by_source[source]
    all = all + amount
    if not policy.excluded[source] then counted = counted + amount end
  end
  return all, counted
end
