-- Organization alerts in a period: `armed` holds those that have not fired, by their mark; `fired` holds those that
-- have (O3-O9). `alert` is the decoded JSON of an alert; amounts are microcredits.

-- The mark: a percentage of the allowance, or a number of credits. An allowance is whole credits, so the division is
-- exact.
local function mark_of(alert, allowance)
  if alert.type == 'percentage' then return allowance / 100 * tonumber(alert.threshold) end
  return tonumber(alert.threshold) * 1000000
end

local function armed_as(id, alert)
  return table.concat({ id, digits(alert.version), alert.type, digits(tonumber(alert.threshold)) }, ' ')
end

-- Decides on an alert that has not fired at its version, and adds it to `plan`: to fire, to arm, or, at a mark of 0,
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
