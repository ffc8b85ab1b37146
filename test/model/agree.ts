/** Compares all that the model and the gateway say of one organization. Throws, naming what differs. */
import assert from 'node:assert/strict'
import { SOURCES, type Crossing, type Model, type Standing } from './model.ts'
import type { System } from './system.ts'

/** Everybody whom a sequence may name. */
export const USERS = ['ada', 'bob', 'cyd', 'dan', 'eve'] as const

const LAST_CROSSINGS = 5

const ordered = (map: ReadonlyMap<string, number>): [string, number][] =>
  [...map].filter(([, amount]) => amount !== 0).sort(([a], [b]) => (a < b ? -1 : 1))

const named = ({ type, period, alert, version, user, mark, used, counted }: Crossing): string =>
  [
    type,
    `p${period}`,
    alert ?? user,
    `v${version ?? '-'}`,
    `mark ${mark}`,
    `used ${used}`,
    counted ?? '',
  ].join(' ')

/** Which crossings the model has told of already. */
const seen = new WeakMap<Model, number>()

export async function agree(model: Model, system: System): Promise<void> {
  const periods = model.period === 1 ? [1] : [model.period - 1, model.period]
  await Promise.all([
    crossings(model, system),
    recipients(model, system),
    alerts(model, system),
    exceeding(model, system),
    leases(model, system),
    days(model, system),
    ...periods.map((period) => books(model, system, period)),
  ])
}

export function sameStanding(actual: Standing | null, expected: Standing, what: string): void {
  const { used, counted, held, limit } = actual ?? {}
  assert.deepEqual({ used, counted, held, limit }, expected, what)
}

/** Used and held by user and source, charges by user, source and model, and their sums (C9, invariants 1 and 2). */
async function books(model: Model, system: System, period: number): Promise<void> {
  const [stored, totals, top] = await Promise.all([
    Promise.all(USERS.map(async (user) => [user, await system.book(user, period)] as const)),
    system.totals(period),
    system.top(period),
  ])
  for (const [user, actual] of stored) {
    const expected = model.bookOf(user, period)
    const open = [...model.holds.values()].filter(
      (hold) =>
        hold.user === user && hold.period === period && (hold.state === 'open' || hold.state === 'overdue'),
    )
    const what = `${user} in period ${period}`
    assert.deepEqual(actual.used, { ...expected.used }, `used by ${what}`)
    assert.deepEqual(actual.held, { ...expected.held }, `held by ${what}`)
    assert.deepEqual(ordered(actual.usage), ordered(expected.usage), `usage of ${what}`)
    assert.deepEqual(
      [...actual.open].sort(),
      open.map(({ amount }) => amount).sort(),
      `open holds of ${what}`,
    )
  }
  const used = model.orgUsed(period)
  assert.deepEqual(totals, { used, held: model.orgHeld(period) }, `totals of period ${period}`)
  const byUse = new Map(USERS.map((user) => [user, sumOf(model, user, period)]))
  assert.deepEqual(ordered(top), ordered(byUse), `index by use of period ${period}`)
}

function sumOf(model: Model, user: string, period: number): number {
  const { used } = model.bookOf(user, period)
  return SOURCES.reduce((sum, source) => sum + used[source], 0)
}

/** N1: the same crossings since the last look, each once; and whoever would be told of them now (O7, U3). */
async function crossings(model: Model, system: System): Promise<void> {
  const expected = model.crossings.slice(seen.get(model) ?? 0)
  seen.set(model, model.crossings.length)
  const actual = await system.crossings()
  assert.deepEqual(actual.map(named).sort(), expected.map(named).sort(), 'crossings')
}

/** O7, U3: of the last crossings, whoever would be told now. */
async function recipients(model: Model, system: System): Promise<void> {
  for (const crossing of model.crossings.slice(-LAST_CROSSINGS)) {
    const actual = await system.recipients(crossing)
    assert.deepEqual(actual.sort(), model.recipientsOf(crossing), `O7: recipients of ${named(crossing)}`)
  }
}

/** O2, O3, O8: the marks, and what has fired, as the list of alerts shows them. */
async function alerts(model: Model, system: System): Promise<void> {
  const expected = Array.from(model.alerts, ([id, alert]) => ({
    id,
    mark: model.markOf(alert),
    hasFired: model.hasFired(id),
  }))
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
  assert.deepEqual((await system.alerts()).sort(byId), expected.sort(byId), 'alerts')
}

async function exceeding(model: Model, system: System): Promise<void> {
  assert.deepEqual((await system.exceeding()).sort(), model.exceeding().sort(), 'L7: users exceeding')
}

async function leases(model: Model, system: System): Promise<void> {
  const open = [...model.holds.values()].filter(({ state }) => state === 'open' || state === 'overdue')
  assert.equal(await system.leases(), open.length, 'one lease an open hold')
}

async function days(model: Model, system: System): Promise<void> {
  assert.deepEqual(ordered(await system.days()), ordered(model.usage()), 'C9: usage by day')
}
