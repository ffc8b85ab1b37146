/** Who hears of a crossing, asked at the moment of delivery (O7, U3). */
import type { Crossing } from '../core/crossing.ts'
import type { BillingSchedule, Explanation, Recipients } from '../core/policy.ts'
import type { RedisClient } from '../store/connection.ts'
import { adminIds, membersOf, type Member } from '../directory/members.ts'
import * as keys from '../store/keys.ts'
import type { OrgField } from '../store/org-fields.ts'

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
  const fields = [
    'name',
    'billing',
    'alert_recipients',
    'alert_notify_user',
    'limit_recipients',
    'explanation',
    'period_no',
  ] as const satisfies readonly OrgField[]
  const [values, alertText] = await Promise.all([
    redis.hmget(keys.org(org), ...fields),
    type === 'org.alert.crossed' ? redis.hget(keys.alerts(org), alert) : null,
  ])
  const [name, billing, alertRecipients, notifyUser, limitRecipients, explanation, periodNo] = values
  if (periodNo === null || periodNo === undefined) return null
  const stored = { 'user.alert.crossed': alertRecipients, 'user.limit.reached': limitRecipients }
  return {
    orgName: name ?? org,
    timezone: (JSON.parse(billing ?? '{}') as Partial<BillingSchedule>).timezone ?? 'UTC',
    recipients: type === 'org.alert.crossed' ? recipientsOfAlert(alertText) : parseRecipients(stored[type]),
    alsoUser: type === 'user.alert.crossed' && notifyUser === '1' ? user : null,
    hidesAmounts: hidesAmounts(explanation),
  }
}

function recipientsOfAlert(text: string | null): Recipients | null {
  if (text === null) return null
  return (JSON.parse(text) as { recipients?: Recipients }).recipients ?? 'all'
}

function parseRecipients(text: string | null | undefined): Recipients {
  return text === null || text === undefined || text === '' ? 'all' : (JSON.parse(text) as Recipients)
}

/** An organization that never saved its own words has an empty text. */
function hidesAmounts(explanation: string | null | undefined): boolean {
  if (explanation === null || explanation === undefined || explanation === '') return false
  return (JSON.parse(explanation) as Partial<Explanation>).hideAmounts ?? false
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
