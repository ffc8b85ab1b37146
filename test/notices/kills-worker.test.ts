import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { check, prepare, random, rounds, smtp, spend, start, survivor } from '../support/kills.ts'

void t.test('N2: a worker is killed while it delivers', { timeout: 0 }, async (t) => {
  for (let round = 0; round < rounds; round += 1) {
    const prepared = await prepare()
    const victim = await start()
    // Mails take a while, so that there is a middle to be killed in.
    smtp.answer = () => pause(20)
    await spend(survivor, prepared.key)
    await pause(random() * 100)
    await victim.kill()
    await check(t, prepared)
    smtp.answer = () => undefined
  }
})
