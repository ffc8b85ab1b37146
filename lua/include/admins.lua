-- Those of the recipients ARGV[first..last] who are not in the set of admins, as a reply (O7); nil where all of them are.
local function not_admins_of(admins, first, last)
  local found = { 'not_admins' }
  for i = first, last do
    if redis.call('SISMEMBER', admins, ARGV[i]) == 0 then found[#found + 1] = ARGV[i] end
  end
  return #found > 1 and found or nil
end
