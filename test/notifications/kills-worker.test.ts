import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { check, prepare, random, rounds, smtp, spend, start, survivor } from '../support/kills.ts'
import { until } from '../support/until.ts'

/** Mails that one gateway has in flight: the default of `perDestination`. */
const SLOTS = 4

void t.test('N2: a worker is killed while it delivers', { timeout: 0 }, async (t) => {
  let repeats = 0
  for (let round = 0; round < rounds; round += 1) {
    const prepared = await prepare()
    const victim = await start()
    // The mail server keeps its answers back, until at least one of those that wait is the victim's.
    let release = (): void => undefined
    const killed = new Promise<void>((resolve) => (release = resolve))
    let waiting = 0
    smtp.answer = () => {
      waiting += 1
      return killed
    }
    await spend(survivor, prepared.key)
    await until(() => waiting > SLOTS, { timeoutMs: 120_000, what: 'mails of both workers wait' })
    await pause(random() * 50)
    await victim.kill()
    release()
    smtp.answer = () => undefined
    const repeated = await check(t, prepared)
    t.ok(repeated > 0, 'what was under way came again')
    repeats += repeated
  }
  t.comment(`${repeats} mails came again`)
})
