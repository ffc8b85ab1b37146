-- Counters that are not what they are recomputed as, in the reply and for the audit log (decision 0037).
local reply, before, after = { 'checked' }, {}, {}

-- Answers whether they differ, and notes it where they do.
local function differs(counter, stored, recomputed)
  if stored == recomputed then return false end
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = counter, digits(stored), digits(recomputed)
  before[#before + 1] = cjson.encode(counter) .. ':' .. credits(stored)
  after[#after + 1] = cjson.encode(counter) .. ':' .. credits(recomputed)
  return true
end

-- The reply once all of it is put right, which the audit log then says; `first` is the place of the change in ARGV.
local function repaired(log, now, first)
  audit(log, now, first, '{' .. table.concat(before, ',') .. '}', '{' .. table.concat(after, ',') .. '}')
  reply[1] = 'repaired'
  return reply
end
