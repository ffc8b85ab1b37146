/** Who hears of a crossing, asked at the moment of delivery (O7, U3). */
import type { Crossing } from '../core/crossing.ts'
import type { Recipients } from '../core/policy.ts'
import type { RedisClient } from '../store/connection.ts'
import { adminIds, membersOf, type Member } from '../directory/members.ts'
import * as keys from '../store/keys.ts'
import { decodeOrg, readOrgHash } from '../store/org-record.ts'

/** What an organization has decided about the notices of one crossing. */
export interface Audience {
  readonly orgName: string
  readonly timezone: string
  /** Null where the alert that fired was deleted since: then it has no recipients. */
  readonly recipients: Recipients | null
  /** The user who is told as well, wherever that user is no recipient anyway. */
  readonly alsoUser: string | null
  /** Whether members are not to see amounts (E3); admins see them all the same. */
  readonly hidesAmounts: boolean
}

/** Null where the organization does not exist any more. */
export async function readAudience(redis: RedisClient, crossing: Crossing): Promise<Audience | null> {
  const { org, type, alert = '', user = null } = crossing
  const [hash, alertText] = await Promise.all([
    readOrgHash(redis, org),
    type === 'org.alert.crossed' ? redis.hget(keys.alerts(org), alert) : null,
  ])
  const stored = decodeOrg(org, hash)
  if (stored === null) return null
  const { name, billing, alerts, limits } = stored
  const recipients = {
    'org.alert.crossed': recipientsOfAlert(alertText),
    'user.alert.crossed': alerts.recipients,
    'user.limit.reached': limits.recipients,
  }
  return {
    orgName: name,
    timezone: billing.timezone,
    recipients: recipients[type],
    alsoUser: type === 'user.alert.crossed' && alerts.notifyUser ? user : null,
    hidesAmounts: limits.explanation.hideAmounts,
  }
}

function recipientsOfAlert(text: string | null): Recipients | null {
  if (text === null) return null
  return (JSON.parse(text) as { recipients?: Recipients }).recipients ?? 'all'
}

/** Everybody who is to hear of it now, each once; read some at a time, so that thousands of them hold nobody up. */
export async function recipientsOf(redis: RedisClient, org: string, audience: Audience): Promise<Member[]> {
  const { recipients, alsoUser } = audience
  const found = new Map<string, Member>()
  for await (const users of recipients === 'all' ? adminIds(redis, org) : [recipients ?? []]) {
    for (const member of (await membersOf(redis, org, users)).values()) {
      if (member.role === 'admin') found.set(member.user, member)
    }
  }
  if (alsoUser !== null) {
    const member = (await membersOf(redis, org, [alsoUser])).get(alsoUser)
    if (member !== undefined) found.set(member.user, member)
  }
  return [...found.values()]
}

/** Whether the member is to hear of it now. */
export function isRecipient({ recipients, alsoUser }: Audience, { user, role }: Member): boolean {
  if (user === alsoUser) return true
  return role === 'admin' && (recipients === 'all' || (recipients?.includes(user) ?? false))
}
