/** A user's own standing (E4), read outside of the scripts: it decides nothing. */
import type { Microcredits } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { UserStanding } from './ledger.ts'
import type { OrgView } from './org-views.ts'
import { sumsBySource } from './replies.ts'

const USER_FIELDS = [
  'used:chat',
  'used:workflow',
  'used:agent_deployment',
  'held:chat',
  'held:workflow',
  'held:agent_deployment',
] as const

/** Reads a member's counters and limit in the view's period; null for who is no member. */
export async function readStanding(
  redis: RedisClient,
  view: Pick<OrgView, 'org' | 'period' | 'billing' | 'explanation'>,
  user: string,
): Promise<UserStanding | null> {
  const { org, period, billing, explanation } = view
  const [member, counters, custom, settings] = await Promise.all([
    redis.hexists(keys.members(org), user),
    redis.hmget(keys.user(org, period.no, user), ...USER_FIELDS),
    redis.hget(keys.customLimits(org), user),
    redis.hmget(keys.org(org), 'limit_on', 'limit_default', 'exclude_workflow', 'exclude_agent_deployment'),
  ])
  if (member === 0) return null
  const [limitOn, limitDefault, excludeWorkflow, excludeAgents] = settings
  const excluded = { chat: false, workflow: excludeWorkflow === '1', agent_deployment: excludeAgents === '1' }
  const unlimited = limitOn !== '1' || custom === 'unlimited'
  const limit = unlimited ? null : (Number(custom ?? limitDefault ?? 0) as Microcredits)
  const { timezone } = billing
  return {
    ...sumsBySource(counters, excluded),
    limit,
    period,
    timezone,
    hideAmounts: explanation.hideAmounts,
  }
}
