/**
 * The simulation for as long as one likes (docs/testing.md):
 *
 *     npm run simulate -- [--seeds N] [--seed S] [--seconds T] [--worlds W] [--length L]
 */
import { parseArgs } from 'node:util'
import { startRedis } from '../support/redis.ts'
import { describe, SERVER_ARGS, simulate } from './run.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    seconds: { type: 'string', default: '86400' },
    worlds: { type: 'string', default: '16' },
    length: { type: 'string', default: '60' },
  },
})

function whole(name: keyof typeof values): number {
  const value = Number(values[name])
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1`)
  return value
}

const [seeds, firstSeed, seconds] = [whole('seeds'), whole('seed'), whole('seconds')]
const [worlds, length] = [whole('worlds'), whole('length')]
console.log(`${seeds} seeds from ${firstSeed}, ${length} actions each, ${worlds} worlds at a time`)
const server = await startRedis({ args: SERVER_ARGS })
const started = performance.now()
const onFailure = (seed: number, reason: string): void =>
  console.error(`seed ${seed} failed: ${reason}\nlooking for the shortest history …`)
const report = await simulate({ server, firstSeed, seeds, seconds, worlds, length, onFailure })
await server.stop()
const took = Math.round((performance.now() - started) / 1_000)
const { calls, faults, crashes, returns, adopted } = report
console.log(
  `${report.seeds} seeds in ${took} s: ${calls} calls, ${faults} faults, ${crashes} crashes, ${returns} late frees, ${adopted} ends that a journal outlived`,
)
for (const failure of report.failures) console.error(`\n${describe(failure)}`)
process.exit(report.failures.length > 0 || calls === 0 || faults === 0 ? 1 : 0)
