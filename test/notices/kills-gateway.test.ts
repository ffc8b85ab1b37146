import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { check, prepare, random, rounds, spend, start } from '../support/kills.ts'

void t.test('N2: a gateway is killed between charge, relay and queue', { timeout: 0 }, async (t) => {
  for (let round = 0; round < rounds; round += 1) {
    const prepared = await prepare()
    const victim = await start()
    const calls = spend(victim, prepared.key)
    await pause(random() * 150)
    await victim.kill()
    await calls
    await check(t, prepared)
  }
})
