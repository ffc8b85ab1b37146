import t from 'tap'
import { startRedis } from '../support/redis.ts'
import type { Action } from './actions.ts'
import { describe, SERVER_ARGS, shortest, simulate } from './run.ts'

/** `npm run simulate` goes on for longer. */
const SECONDS = 25

const server = await startRedis({ args: SERVER_ARGS })
t.teardown(() => server.stop())

void t.test('C3–C6, N1: gateways on a bad network, which crash, keep every invariant', async (t) => {
  const firstSeed = Date.now() % 1_000_000_000
  t.comment(`seeds from ${firstSeed}`)
  const options = { server, firstSeed, seeds: Infinity, seconds: SECONDS, worlds: 8, length: 60 }
  const report = await simulate(options)
  t.same(report.failures.map(describe), [])
  t.ok(report.calls > 100 && report.faults > 10, JSON.stringify(report))
  t.ok(report.returns > 0 && report.adopted > 0, JSON.stringify(report))
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
