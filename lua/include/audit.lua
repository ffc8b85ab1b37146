-- Every change is in the organization's audit log, written in the step that makes it (A3). Entries are kept for 13
-- months; the log itself goes when its last entry does. The change is in the arguments; `before` and `after` replace
-- its own.
local AUDIT_LIFE_MS = 396 * 86400000

local function audit(log, now, before, after)
  redis.call('XADD', log, 'MINID', '~', digits(math.max(0, now - AUDIT_LIFE_MS)), '*', 'at', digits(now),
    'actor', arg.actor, 'action', arg.action, 'target', arg.target,
    'before', before or arg.before, 'after', after or arg.after)
  redis.call('PEXPIRE', log, digits(AUDIT_LIFE_MS))
end
