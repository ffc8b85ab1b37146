import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { check, prepare, random, redis, rounds, spend, survivor } from '../support/kills.ts'

void t.test('N2: the store is killed and comes back with its append-only file', { timeout: 0 }, async (t) => {
  for (let round = 0; round < rounds; round += 1) {
    const prepared = await prepare()
    const calls = spend(survivor, prepared.key)
    await pause(random() * 200)
    await redis.kill()
    await redis.restart()
    await calls
    await check(t, prepared)
  }
})
