import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { check, leftBehind, prepare, random, rounds, spend, start, USERS } from '../support/kills.ts'

void t.test('N2: a gateway is killed between charge, relay and queue', { timeout: 0 }, async (t) => {
  let unqueued = 0
  for (let round = 0; round < rounds; round += 1) {
    const prepared = await prepare()
    const victim = await start()
    // What it charged it relays within milliseconds: it is killed about there.
    let left = 1 + Math.floor(random() * USERS.length)
    let reached = (): void => undefined
    const served = new Promise<void>((resolve) => (reached = resolve))
    const onServed = (): void => {
      left -= 1
      if (left === 0) reached()
    }
    const calls = spend(victim, prepared.key, { onServed })
    await served
    await pause(random() * 10)
    await victim.kill()
    unqueued += await leftBehind(prepared)
    await calls
    await check(t, prepared)
  }
  t.comment(`${unqueued} crossings were in no queue when their gateway was gone`)
})
