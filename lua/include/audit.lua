-- Every change stands in the organization's audit log, written in the step that makes it (A3). Entries are kept for 13
-- months; the log itself goes when its last entry does. `first` is the place of five words in ARGV: who (`operator`, or an
-- admin's id), the action, its target, and what it was before and is after, as JSON.
local AUDIT_LIFE_MS = 396 * 86400000

local function audit(log, now, first, before, after)
  redis.call('XADD', log, 'MINID', '~', digits(math.max(0, now - AUDIT_LIFE_MS)), '*', 'at', digits(now), 'actor', ARGV[first],
    'action', ARGV[first + 1], 'target', ARGV[first + 2], 'before', before or ARGV[first + 3], 'after', after or ARGV[first + 4])
  redis.call('PEXPIRE', log, digits(AUDIT_LIFE_MS))
end
