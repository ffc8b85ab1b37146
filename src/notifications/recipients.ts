/** The recipients of a crossing, looked up at each delivery (O7, U3). */
import type { Crossing } from '../core/crossing.ts'
import type { Recipients } from '../core/policy.ts'
import type { RedisClient } from '../store/connection.ts'
import { adminIds, membersOf, type Member } from '../directory/members.ts'
import * as keys from '../store/keys.ts'
import { decodeOrg, readOrgHash } from '../store/org-record.ts'

/** An organization's settings for the notices of one crossing. */
export interface Audience {
  readonly orgName: string
  readonly timezone: string
  /** Null if the alert was deleted since it fired: then there are no recipients. */
  readonly recipients: Recipients | null
  /** A user who is told in addition to the recipients. */
  readonly alsoUser: string | null
  /** Whether amounts are hidden from members (E3). Admins see them. */
  readonly hidesAmounts: boolean
}

/** Null if the organization was deleted. */
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

/** All current recipients, each once; read in portions, so that thousands of them do not block the store. */
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

/** Whether the member is a recipient now. */
export function isRecipient({ recipients, alsoUser }: Audience, { user, role }: Member): boolean {
  if (user === alsoUser) return true
  return role === 'admin' && (recipients === 'all' || (recipients?.includes(user) ?? false))
}
