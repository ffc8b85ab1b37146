/** A period is opened from what a gateway read a moment before: what changed in between, or was opened by another, counts (P4). */
import t from 'tap'
import { periodAt } from '../../src/core/period.ts'
import type { BillingSchedule } from '../../src/core/policy.ts'
import type { UnixMs } from '../../src/core/units.ts'
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrgViews, type OrgView } from '../../src/ledger/org-views.ts'
import { HALF_OVER } from '../support/billing.ts'
import { createOrg, openClient } from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'

const DAY_MS = 86_400_000
/** That of the organizations which `createOrg` makes. */
const MONTHLY: BillingSchedule = HALF_OVER
const DAILY: BillingSchedule = { every: { days: 1 }, anchor: 1, timezone: 'UTC' }

const server = await startRedis()
const redis = await openClient({ url: server.url })
t.teardown(async () => {
  redis.disconnect()
  await server.stop()
})

const set = (org: string, fields: Readonly<Record<string, string>>): Promise<number> =>
  redis.hset(keys.org(org), fields)

/** An organization whose period has ended, with the schedule that is to take over. */
async function ended(org: string, next: BillingSchedule | null): Promise<void> {
  await createOrg(redis, org)
  await endPeriod(org)
  if (next !== null) await set(org, { billing_next: JSON.stringify(next) })
}

async function endPeriod(org: string): Promise<void> {
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS
  await set(org, { period_start: String(midnight - 30 * DAY_MS), period_end: String(midnight) })
}

/** The period that a gateway comes to which had read the organization, and was about to open one, when `meanwhile` happened. */
async function opened(
  org: string,
  meanwhile: () => Promise<unknown>,
): Promise<OrgView['period'] | undefined> {
  let isFirst = true
  const client = new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]): Promise<unknown> => {
        const found: unknown = await Reflect.apply(value, target, args)
        if (name === 'hgetall' && isFirst) {
          isFirst = false
          await meanwhile()
        }
        return found
      }
    },
  }) satisfies RedisClient
  const view = await createOrgViews(client).current(org, Date.now() as UnixMs)
  return view?.period
}

void t.test('P4: a schedule that was saved since a gateway looked takes over all the same', async (t) => {
  await ended('saved', null)
  const period = await opened('saved', () => set('saved', { billing_next: JSON.stringify(DAILY) }))
  t.equal(period?.no, 2)
  t.equal(period?.end, periodAt(DAILY, Date.now() as UnixMs).end)
  t.match(await redis.hgetall(keys.org('saved')), { billing: JSON.stringify(DAILY), billing_next: '' })
  t.match(await redis.hgetall(keys.total('saved', 2)), { billing: JSON.stringify(DAILY) })
})

void t.test('P4: one that was taken back since does not', async (t) => {
  await ended('taken-back', DAILY)
  const period = await opened('taken-back', () => set('taken-back', { billing_next: '' }))
  t.equal(period?.no, 2)
  t.equal(period?.end, periodAt(MONTHLY, Date.now() as UnixMs).end)
  t.match(await redis.hgetall(keys.org('taken-back')), { billing: JSON.stringify(MONTHLY), billing_next: '' })
})

void t.test('P4: a period that others opened since, and that has ended, is not opened again', async (t) => {
  await ended('late', null)
  const period = await opened('late', async () => {
    await createOrgViews(redis).current('late', Date.now() as UnixMs)
    await redis.hset(keys.total('late', 2), 'used', '5000000')
    await endPeriod('late')
  })
  t.equal(period?.no, 3)
  t.equal(await redis.hget(keys.total('late', 2), 'used'), '5000000', 'what was used in it stays')
  t.equal(await redis.hget(keys.org('late'), 'period_no'), '3')
})
