-- Adds a change to the organization's audit log, in the step that makes it (A3). Entries are kept for 13 months; the
-- log expires with its last entry. The arguments describe the change; `before` and `after` override its own.
local AUDIT_LIFE_MS = 396 * 86400000

local function audit(log, now, before, after)
  redis.call('XADD', log, 'MINID', '~', digits(math.max(0, now - AUDIT_LIFE_MS)), '*', 'at', digits(now),
    'actor', arg.actor, 'action', arg.action, 'target', arg.target,
    'before', before or arg.before, 'after', after or arg.after)
  redis.call('PEXPIRE', log, digits(AUDIT_LIFE_MS))
end
