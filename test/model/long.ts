/**
 * The model-based test for as long as one likes (docs/testing.md):
 *
 *     npm run test:model -- [--sequences N] [--seed S]
 */
import { parseArgs } from 'node:util'
import { startRedis } from '../support/redis.ts'
import { runModel } from './run.ts'

const { values } = parseArgs({
  options: { sequences: { type: 'string', default: '2000' }, seed: { type: 'string' } },
})
const sequences = Number(values.sequences)
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
if (!Number.isSafeInteger(sequences) || sequences < 1 || !Number.isSafeInteger(seed)) {
  throw new Error('--sequences and --seed are whole numbers')
}

console.log(`seed ${seed}, ${sequences} sequences`)
const server = await startRedis()
const started = performance.now()
try {
  const steps = await runModel({ url: server.url, sequences, seed })
  const seconds = Math.round((performance.now() - started) / 1_000)
  console.log(`${steps} steps were compared in ${seconds} s, and agreed`)
} finally {
  await server.stop()
}
