import t from 'tap'
import { startRedis } from '../support/redis.ts'
import { runModel } from './run.ts'

/** `npm run test:model` runs more of them, or those of a seed that failed. */
const SEQUENCES = 200

const server = await startRedis()
t.teardown(() => server.stop())

void t.test(
  'P, O, U, L, A, C, E: after every step of random sequences the gateway says what the rules say',
  async (t) => {
    const seed = Date.now() % 1_000_000_000
    t.comment(`seed ${seed}: npm run test:model -- --seed ${seed} --sequences ${SEQUENCES}`)
    const steps = await runModel({ url: server.url, sequences: SEQUENCES, seed })
    t.ok(steps > SEQUENCES * 5, `${steps} steps were compared`)
  },
)
