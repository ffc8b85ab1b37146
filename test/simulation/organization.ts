/** An organization under the rules that were drawn for it. */
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrg } from '../support/ledger.ts'
import { USERS, type Setting } from './actions.ts'

const CREDIT = 1_000_000

export async function createOrganization(redis: RedisClient, org: string, setting: Setting): Promise<void> {
  await createOrg(redis, org, {
    members: USERS,
    admission: setting.admission,
    limit: setting.limit,
    fields: {
      exclude_workflow: setting.excludesWorkflows ? '1' : '0',
      alert_on: '1',
      alert_mark: String(setting.userAlert * CREDIT),
      alert_version: '1',
    },
  })
  for (const [index, threshold] of setting.alerts.entries()) {
    const alert = { type: 'absolute', threshold, recipients: 'all', version: 1 }
    await redis.hset(keys.alerts(org), `a${index}`, JSON.stringify(alert))
    await redis.zadd(keys.armed(org, 1), threshold * CREDIT, `a${index} 1 absolute ${threshold}`)
  }
  await redis.hset(keys.total(org, 1), 'next_mark', String(Math.min(...setting.alerts) * CREDIT))
}
