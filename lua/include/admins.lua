-- The recipients who are not admins, as a reply (O7); nil if all are.
local function not_admins_of(admins, recipients)
  local found = { 'not_admins' }
  for _, user in ipairs(recipients) do
    if redis.call('SISMEMBER', admins, user) == 0 then found[#found + 1] = user end
  end
  return #found > 1 and found or nil
end
