import t from 'tap'
import { startRedis } from '../support/redis.ts'
import type { Action } from './actions.ts'
import { describe, SERVER_ARGS, shortest, simulate } from './run.ts'

/** `npm run simulate` goes on for longer. */
const SECONDS = 25
/** A slow machine gets further such whiles, until enough has happened to mean something. */
const MOST_WHILES = 6

const server = await startRedis({ args: SERVER_ARGS })
t.teardown(() => server.stop())

void t.test('C3–C6, N1: gateways on a bad network, which crash, keep every invariant', async (t) => {
  const firstSeed = Date.now() % 1_000_000_000
  t.comment(`seeds from ${firstSeed}`)
  const options = { server, seeds: Infinity, seconds: SECONDS, worlds: 8, length: 60 }
  const sum = { seeds: 0, calls: 0, faults: 0, returns: 0, adopted: 0 }
  const isEnough = (): boolean => sum.calls > 100 && sum.faults > 10 && sum.returns > 0 && sum.adopted > 0
  for (let whiles = 0; whiles < MOST_WHILES && !isEnough(); whiles += 1) {
    const report = await simulate({ ...options, firstSeed: firstSeed + sum.seeds })
    t.same(report.failures.map(describe), [])
    for (const what of Object.keys(sum) as (keyof typeof sum)[]) sum[what] += report[what]
  }
  t.ok(isEnough(), JSON.stringify(sum))
})

void t.test('a failing history is cut down to what it takes to fail', async (t) => {
  const history = Array.from({ length: 40 }, (_, which): Action => ({ kind: 'settle again', which }))
  const needed = [3, 17, 31]
  const places = (actions: readonly Action[]): number[] =>
    actions.map((action) => (action.kind === 'settle again' ? action.which : -1))
  const fails = (shorter: readonly Action[]): Promise<boolean> =>
    Promise.resolve(needed.every((which) => places(shorter).includes(which)))
  t.same(places(await shortest(history, fails)), needed)
})
