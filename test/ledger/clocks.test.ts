import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createRedisLedger } from '../../src/ledger/redis-ledger.ts'
import {
  books,
  charge,
  countingMetrics,
  createOrg,
  holdOf,
  openClient,
  reservation,
  silent,
} from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'

const DAY_MS = 86_400_000

const server = await startRedis()
const redis = await openClient({ url: server.url })
let skewMs = 0
const ledger = await createRedisLedger({
  redis,
  leaseMs: 60_000,
  userDayLifeMs: 62 * DAY_MS,
  metrics: countingMetrics(),
  logger: silent,
  onCrossings: () => undefined,
  wallClock: () => Date.now() + skewMs,
})
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await server.stop()
})

for (const jump of [-40 * DAY_MS, -3_600_000, 3_600_000, 40 * DAY_MS]) {
  void t.test(
    `P4: a gateway whose clock jumps by ${jump / 3_600_000} h opens the store's period, and goes on at once`,
    async (t) => {
      const org = `jump-${jump}`.replace('--', '-back-')
      await createOrg(redis, org)
      const hold = holdOf(await ledger.reserve(reservation(org, 5)))
      await redis.hset(keys.org(org), 'period_end', String(Date.now() - 1_000))
      skewMs += jump
      ledger.settle(hold, charge(2))
      t.ok(await ledger.drained(2_000), 'a settle depends on nobody’s clock')
      const next = holdOf(await ledger.reserve(reservation(org, 1)))
      t.equal(next.periodNo, 2)
      t.match(await books(redis, org, ['ada'], 1), { used: 2e6, held: 0 })
      t.match(await books(redis, org, ['ada'], 2), { used: 0, held: 1e6, days: 2e6 })
      const { start, end } = await redis.hgetall(keys.total(org, 2))
      t.ok(Number(start) <= Date.now() && Date.now() < Number(end), 'the new period is the one of now')
      ledger.free(next)
      await ledger.drained(2_000)
    },
  )
}
