-- Counters whose stored and recomputed values differ, for the reply and for the audit log (decision 0037).
local function new_differences()
  return { reply = { 'checked' }, before = {}, after = {} }
end

-- Returns whether the values differ, and records the difference.
local function differs(found, counter, stored, recomputed)
  if stored == recomputed then return false end
  local reply, before, after = found.reply, found.before, found.after
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = counter, digits(stored), digits(recomputed)
  before[#before + 1] = cjson.encode(counter) .. ':' .. credits(stored)
  after[#after + 1] = cjson.encode(counter) .. ':' .. credits(recomputed)
  return true
end

-- Writes the repair to the audit log and returns the reply.
local function repaired(found, now)
  audit(key.audit, now, '{' .. table.concat(found.before, ',') .. '}', '{' .. table.concat(found.after, ',') .. '}')
  found.reply[1] = 'repaired'
  return found.reply
end
