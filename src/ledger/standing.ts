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

/** Reads a member's counters and limit in the view's period; null if the user is not a member. */
export async function readStanding(
  redis: RedisClient,
  view: Pick<OrgView, 'org' | 'period' | 'billing' | 'limits'>,
  user: string,
): Promise<UserStanding | null> {
  const { org, period, billing, limits } = view
  const [member, counters, custom] = await Promise.all([
    redis.hexists(keys.members(org), user),
    redis.hmget(keys.user(org, period.no, user), ...USER_FIELDS),
    redis.hget(keys.customLimits(org), user),
  ])
  if (member === 0) return null
  const unlimited = !limits.enabled || custom === 'unlimited'
  return {
    ...sumsBySource(counters, { chat: false, ...limits.exclude }),
    limit: unlimited ? null : custom === null ? limits.default : (Number(custom) as Microcredits),
    period,
    timezone: billing.timezone,
    hideAmounts: limits.explanation.hideAmounts,
  }
}
