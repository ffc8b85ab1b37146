/** Runs seeds of the simulation, many worlds at a time: most of a world is waiting for a bad network. */
import { randomBytes } from 'node:crypto'
import type { RedisServer } from '../support/redis.ts'
import { draw, type Action, type Setting } from './actions.ts'
import { openWorld, type Counts } from './world.ts'

export interface SimulationOptions {
  readonly server: RedisServer
  readonly firstSeed: number
  /** Stops after so many seeds, or so many seconds, whichever comes first. */
  readonly seeds: number
  readonly seconds: number
  readonly worlds: number
  readonly length: number
  /** Told of a failure before its history is cut down, which takes a while. */
  readonly onFailure?: (seed: number, reason: string) => void
}

export interface Failure {
  readonly seed: number
  readonly reason: string
  readonly setting: Setting
  /** The shortest history found that fails in the same way. */
  readonly history: readonly Action[]
}

export interface SimulationReport extends Counts {
  readonly seeds: number
  readonly failures: readonly Failure[]
}

/** What one history came to; `failed` says after how many of its actions it failed, and why. */
interface Outcome {
  readonly counts: Counts
  readonly failed: { readonly after: number; readonly reason: string } | null
}

/** Each world has a database of its own, which the server must be told to have. */
export const MOST_WORLDS = 64
/**
 * Worlds come and go, and with them their ports. Elsewhere on this machine a gateway may be waiting for its store at one of them, and
 * the first thing that it does with a store is to take what waits in the outboxes.
 */
const PASSWORD = randomBytes(9).toString('hex')
export const SERVER_ARGS = ['--databases', String(MOST_WORLDS), '--requirepass', PASSWORD]

async function play(
  { port }: RedisServer,
  database: number,
  setting: Setting,
  history: readonly Action[],
): Promise<Outcome> {
  const world = await openWorld({ port, password: PASSWORD, database, setting })
  let after = 0
  try {
    await world.check()
    for (const action of history) {
      after += 1
      await world.perform(action)
      await world.check()
    }
    await world.conclude()
    return { counts: world.counts(), failed: null }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { counts: world.counts(), failed: { after, reason } }
  } finally {
    await world.close()
  }
}

/** What kind of failure it is: the invariant's name, without amounts and ids. */
function kindOf(reason: string): string {
  const [line = ''] = reason.split('\n')
  return line.replaceAll(/\d[\w.-]*/g, '#').slice(0, 60)
}

/** Takes out what the failure does not need: halves, quarters, …, single actions, until nothing can go. */
export async function shortest(
  history: readonly Action[],
  fails: (shorter: readonly Action[]) => Promise<boolean>,
): Promise<readonly Action[]> {
  let kept = history
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const shorter = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (await fails(shorter)) kept = shorter
      else at += size
    }
  }
  return kept
}

/** Stops at the first failure. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const { server, firstSeed, worlds, length } = options
  const end = performance.now() + options.seconds * 1_000
  const totals = { seeds: 0, calls: 0, faults: 0, crashes: 0, returns: 0, adopted: 0 }
  const failures: Failure[] = []
  let next = firstSeed

  const runWorld = async (database: number): Promise<void> => {
    while (next < firstSeed + options.seeds && performance.now() < end && failures.length === 0) {
      const seed = next
      next += 1
      const { setting, actions } = draw(seed, length)
      const { counts, failed } = await play(server, database, setting, actions)
      totals.seeds += 1
      for (const name of ['calls', 'faults', 'crashes', 'returns', 'adopted'] as const)
        totals[name] += counts[name]
      if (failed === null) continue
      options.onFailure?.(seed, failed.reason)
      const kind = kindOf(failed.reason)
      const fails = async (shorter: readonly Action[]): Promise<boolean> => {
        const again = await play(server, database, setting, shorter)
        return again.failed !== null && kindOf(again.failed.reason) === kind
      }
      const history = await shortest(actions.slice(0, failed.after), fails)
      failures.push({ seed, reason: failed.reason, setting, history })
    }
  }
  await Promise.all(
    Array.from({ length: Math.min(worlds, MOST_WORLDS) }, (_, database) => runWorld(database)),
  )
  return { ...totals, failures }
}

/** A failure, for who has to find its cause. */
export function describe({ seed, reason, setting, history }: Failure): string {
  return [
    `seed ${seed}: ${reason}`,
    `organization: ${JSON.stringify(setting)}`,
    `shortest history that fails like this (${history.length} actions):`,
    ...history.map((action, index) => `  ${index + 1}. ${JSON.stringify(action)}`),
    `again: npm run simulate -- --seed ${seed} --seeds 1`,
  ].join('\n')
}
