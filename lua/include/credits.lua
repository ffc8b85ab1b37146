-- Microcredits as the decimal number of credits that the API shows: every digit, no trailing zeros. The remainder is
-- subtracted before dividing, since an inexact quotient could round up.
local function credits(amount)
  local size = math.abs(amount)
  local rest = math.fmod(size, 1000000)
  local text = digits((size - rest) / 1000000)
  if rest > 0 then text = text .. '.' .. (string.format('%06.0f', rest):gsub('0+$', '')) end
  return amount < 0 and '-' .. text or text
end
