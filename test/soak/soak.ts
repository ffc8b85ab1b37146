/**
 * The soak for as long as one likes (docs/testing.md):
 *
 *     npm run soak -- [--minutes M] [--rate R] [--seed S] [--gateways N] [--out FILE]
 */
import { appendFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runSoak } from './run.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    gateways: { type: 'string', default: '2' },
    out: { type: 'string' },
  },
})

function positive(name: 'minutes' | 'rate' | 'seed' | 'gateways'): number {
  const value = Number(values[name])
  if (!(value > 0)) throw new Error(`--${name} is a number above 0`)
  return value
}

const { out } = values
function say(line: string): void {
  console.log(line)
  if (out !== undefined) appendFileSync(out, `${line}\n`)
}

// What was started dies with this process only where it exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const [minutes, rate, seed, gateways] = [
  positive('minutes'),
  positive('rate'),
  positive('seed'),
  Math.max(2, positive('gateways')),
]
say(`${minutes} minutes at ${rate} calls a second, ${gateways} gateways; again: --seed ${seed}`)
const report = await runSoak({
  seed,
  seconds: minutes * 60,
  rate,
  gateways,
  leaseSeconds: 30,
  segmentSeconds: Math.min(240, minutes * 60),
  faults: { everySeconds: 20 },
  mailDownSeconds: 30,
  households: 8,
  users: 40,
  say,
})
say(
  report.violations.length === 0
    ? 'Everything agrees.'
    : `${report.violations.length} violations, seed ${seed}.`,
)
process.exit(report.violations.length > 0 || report.calls === 0 ? 1 : 0)
