/** Runs sequences of steps against the model and the gateway, several at a time: most of a step is waiting. */
import fc from 'fast-check'
import { putMember } from '../support/changes.ts'
import { agree } from './agree.ts'
import { Model, type LimitSettings, type OrgSettings, type UserAlertSettings } from './model.ts'
import { CALLS } from './calls.ts'
import { EDITS, limitSettings } from './edits.ts'
import { CREDIT, openBench, System, type Bench } from './system.ts'

export interface RunOptions {
  /** Of the Redis to run on. */
  readonly url: string
  readonly sequences: number
  readonly seed: number
}

const MOST_STEPS = 100
/** Each with a database of its own on the server, and the seed after the one before it. */
const WORKERS = 4

const settings: fc.Arbitrary<OrgSettings> = fc.record({
  allowance: fc.constantFrom(0, 10, 20, 50).map((credits) => credits * CREDIT),
  admission: fc.constantFrom('strict', 'straddle'),
  autoEnroll: fc.boolean(),
  maxMembers: fc.constant(5),
})

/** How an organization's per-user alerts begin. */
const NO_USER_ALERTS: UserAlertSettings = {
  enabled: false,
  threshold: 500,
  recipients: 'all',
  notifyUser: false,
}

async function open(
  bench: Bench,
  org: OrgSettings,
  limits: LimitSettings,
): Promise<{ model: Model; real: System }> {
  const model = new Model(org, NO_USER_ALERTS, limits)
  const real = new System(bench)
  await real.create(org)
  for (const [user, role] of [
    ['ada', 'admin'],
    ['bob', 'admin'],
    ['cyd', 'member'],
  ] as const) {
    model.putMember(user, role, true)
    await putMember(real.directory, real.org, { user, role, email: null, name: null })
  }
  await real.setLimits(limits)
  await agree(model, real)
  return { model, real }
}

async function runWorker(options: RunOptions, worker: number, numRuns: number): Promise<number> {
  const bench = await openBench(options.url, worker)
  let steps = 0
  try {
    await fc.assert(
      fc.asyncProperty(
        settings,
        limitSettings,
        fc.commands([...CALLS, ...EDITS], { size: 'max', maxCommands: MOST_STEPS }),
        async (org, limits, commands) => {
          const { model, real } = await open(bench, org, limits)
          try {
            await fc.asyncModelRun(() => ({ model, real }), commands)
          } catch (error) {
            const told = real.history.map((text, index) => `  ${index + 1}. ${text}`).join('\n')
            throw new Error(`${String(error)}\nafter\n${told}`, { cause: error })
          } finally {
            steps += real.history.length
            await real.remove()
          }
        },
      ),
      { numRuns, seed: options.seed + worker },
    )
  } finally {
    bench.close()
  }
  return steps
}

/** Answers how many steps were compared; rejects with the shortest failing sequence, its seed and its path. */
export async function runModel(options: RunOptions): Promise<number> {
  const share = Math.ceil(options.sequences / WORKERS)
  const workers = Array.from({ length: WORKERS }, (_, worker) => runWorker(options, worker, share))
  const steps = await Promise.all(workers)
  return steps.reduce((sum, each) => sum + each, 0)
}
