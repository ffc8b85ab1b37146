import t from 'tap'
import { backoff, shortestBackoff, type Retries } from '../../src/notifications/queue.ts'

const RETRIES: Retries = { attempts: 15, backoffMs: 5_000, maxBackoffMs: 3_600_000 }

void t.test(
  'N2: a wait is twice as long each time up to the bound, less a random part of up to half',
  (t) => {
    for (let made = 1; made <= 40; made += 1) {
      const whole = Math.min(5_000 * 2 ** (made - 1), 3_600_000)
      const waits = Array.from({ length: 200 }, () => backoff(RETRIES, made, null))
      t.ok(waits.every((ms) => ms >= whole / 2 && ms <= whole))
      t.ok(new Set(waits).size > 100, 'what failed together does not come back together')
      t.equal(shortestBackoff(RETRIES, made), whole / 2)
    }
    t.end()
  },
)

void t.test('N2: a wait is as long as the other side asked for, where that is longer', (t) => {
  t.equal(backoff(RETRIES, 1, 60_000), 60_000)
  t.ok(backoff(RETRIES, 1, 1) >= 2_500)
  t.ok(backoff(RETRIES, 15, 60_000) >= 1_800_000)
  t.end()
})
