-- Organization alerts in a period: one that has not fired stands in `armed` at its mark, one that has in `fired`
-- (O3-O9). `alert` is the JSON of an alert, decoded; amounts are microcredits.

-- A percentage of the allowance, or so many credits. An allowance is whole credits, so this divides without a rest.
local function mark_of(alert, allowance)
  if alert.type == 'percentage' then return allowance / 100 * tonumber(alert.threshold) end
  return tonumber(alert.threshold) * 1000000
end

local function armed_as(id, alert)
  return table.concat({ id, digits(alert.version), alert.type, digits(tonumber(alert.threshold)) }, ' ')
end

-- Decides on an alert that has not fired at its version: `plan` gets it to fire, to arm, or, at a mark of 0, to do
-- neither (O2).
local function place(plan, id, alert, allowance, used)
  local mark, member = mark_of(alert, allowance), armed_as(id, alert)
  if mark > used then
    plan.arm[#plan.arm + 1], plan.arm[#plan.arm + 2] = digits(mark), member
  else
    plan.disarm[#plan.disarm + 1] = member
    if mark > 0 then plan.fire[#plan.fire + 1] = { id = id, alert = alert, mark = mark } end
  end
end
