/** What callers, gateways and time do in a sequence. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sameStanding } from './agree.ts'
import type { Call, Model } from './model.ts'
import { amount, pick, shown, source, step, user, type Step } from './steps.ts'
import { GATEWAYS, type System } from './system.ts'

const model = fc.constantFrom('small', 'large')
const gateway = fc.nat({ max: GATEWAYS - 1 })

const call: fc.Arbitrary<Call> = fc
  .record({
    user,
    source,
    model,
    worstCase: amount,
    more: fc.oneof({ weight: 6, arbitrary: amount }, { weight: 1, arbitrary: fc.constant(null) }),
    prompt: fc.integer({ min: 0, max: 100 }),
    mayEnroll: fc.boolean(),
  })
  .map(({ more, prompt, ...rest }) => ({
    ...rest,
    // What is estimated to cost nothing has a price of nothing, hence a bound.
    strictWorstCase: more === null && rest.worstCase > 0 ? null : rest.worstCase + (more ?? 0),
    promptPrice: Math.floor((rest.worstCase * prompt) / 100),
  }))

let calls = 0

async function reserveBoth(
  model: Model,
  system: System,
  gateway: number,
  asked: readonly Call[],
): Promise<void> {
  const numbered = asked.map((call) => ({ id: `h${(calls += 1)}`, call }))
  const expected = numbered.map(({ id, call }) => {
    const outcome = model.reserve(id, call)
    return { outcome, standing: model.standing(call.user) }
  })
  const actual = await system.reserve(gateway, numbered)
  actual.forEach((result, index) => {
    const { outcome, standing } = expected[index] ?? {}
    const what = `E1: ${shown(asked[index])}`
    assert.equal(result.status, outcome, what)
    if ('decision' in result && standing !== undefined) {
      sameStanding(result.decision.standing, standing, `standing at ${what}`)
    }
  })
}

const reserve = fc
  .tuple(gateway, call)
  .map(([gateway, call]) =>
    step(`reserve at ${gateway} ${shown(call)}`, (model, system) =>
      reserveBoth(model, system, gateway, [call]),
    ),
  )

const reserveMany = fc
  .tuple(gateway, fc.array(call, { minLength: 2, maxLength: 8 }))
  .map(([gateway, batch]) =>
    step(`reserve at once at ${gateway} ${shown(batch)}`, (model, system) =>
      reserveBoth(model, system, gateway, batch),
    ),
  )

/** The holds of these states, in the order in which they were made. */
function holdsIn(model: Readonly<Model>, ...states: readonly string[]): string[] {
  return [...model.holds].filter(([, { state }]) => states.includes(state)).map(([id]) => id)
}

/** What a call turned out to cost: less than was held, exactly that, more, or nothing. */
const cost = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 100 }).map((percent) => ({ percent, more: 0 })) },
  { weight: 3, arbitrary: fc.constant({ percent: 100, more: 0 }) },
  { weight: 1, arbitrary: amount.map((more) => ({ percent: 100, more })) },
)

interface Cost {
  readonly percent: number
  readonly more: number
}

const costOf = (model: Model, id: string, { percent, more }: Cost): number =>
  Math.floor(((model.holds.get(id)?.amount ?? 0) * percent) / 100) + more

const settleStep = (
  name: string,
  eligible: (model: Readonly<Model>) => string[],
  [gateway, at, costs, charged]: [number, number, Cost[], string],
): Step =>
  step(
    `${name} #${at} at ${gateway} ${shown(costs)} as ${charged}`,
    async (model, system) => {
      const ids = eligible(model)
      const chosen = new Set(costs.map((_, index) => pick(ids, at + index)))
      const charges = Array.from(chosen, (id, index) => {
        const cost = costs[index]
        return { id, cost: cost === undefined ? 0 : costOf(model, id, cost), model: charged }
      })
      for (const { id, cost, model: name } of charges) model.settle(id, cost, name)
      await system.settle(gateway, charges)
    },
    (model) => eligible(model).length > 0,
  )

const settlement = (most: number): fc.Arbitrary<[number, number, Cost[], string]> =>
  fc.tuple(gateway, fc.nat({ max: 30 }), fc.array(cost, { minLength: 1, maxLength: most }), model)

const settle = settlement(1).map((choice) => settleStep('settle', (model) => holdsIn(model, 'open'), choice))
const settleMany = settlement(6).map((choice) =>
  settleStep('settle at once', (model) => holdsIn(model, 'open'), choice),
)
const settleLate = settlement(2).map((choice) =>
  settleStep('settle late', (model) => holdsIn(model, 'expired'), choice),
)
const settleAgain = settlement(1).map((choice) =>
  settleStep('settle again', (model) => holdsIn(model, 'resolved'), choice),
)

const free = fc.tuple(gateway, fc.nat({ max: 30 })).map(([gateway, at]) =>
  step(
    `free #${at} at ${gateway}`,
    async (model, system) => {
      const id = pick([...model.holds.keys()], at)
      model.free(id)
      await system.free(gateway, id)
    },
    (model) => model.holds.size > 0,
  ),
)

/** C5: a call was not served, and its lease ran out before its gateway could say so. */
const freeLate = fc.tuple(gateway, fc.nat({ max: 30 })).map(([gateway, at]) =>
  step(
    `free late #${at} at ${gateway}`,
    async (model, system) => {
      const id = pick(holdsIn(model, 'expired'), at)
      model.free(id)
      await system.free(gateway, id)
    },
    (model) => holdsIn(model, 'expired').length > 0,
  ),
)

/** C6: a lease runs out; a call of the same user meets it, or a sweep does. */
const expire = fc.tuple(gateway, fc.nat({ max: 30 }), fc.option(call)).map(([gateway, at, meets]) =>
  step(
    `lease of #${at} runs out, ${meets === null ? 'swept' : `met by ${shown(meets)}`} at ${gateway}`,
    async (model, system) => {
      const id = pick(holdsIn(model, 'open'), at)
      model.overdue(id)
      await system.overdue(id)
      const hold = model.holds.get(id)
      if (meets !== null && hold !== undefined) {
        await reserveBoth(model, system, gateway, [{ ...meets, user: hold.user }])
      }
      model.sweep()
      await system.sweep(gateway)
    },
    (model) => holdsIn(model, 'open').length > 0,
  ),
)

const ask = fc.tuple(gateway, user).map(([gateway, user]) =>
  step(`standing of ${user} at ${gateway}`, async (model, system) => {
    const actual = await system.standing(gateway, user)
    if (model.members.has(user)) sameStanding(actual, model.standing(user), `E4: ${user}`)
    else assert.equal(actual, null, `E4: ${user} is no member`)
  }),
)

const rollover = fc.constant(
  step('the period ends', async (model, system) => {
    // Where nobody has called since the last end, one more period passes unseen (P2), and none is counted for it.
    if ((await system.openedPeriod()) === model.period) model.rollover()
    await system.endPeriod()
  }),
)

/** Each as often as it stands here. */
export const CALLS: fc.Arbitrary<Step>[] = [
  ...[reserve, reserve, reserve, reserve, reserve, reserveMany, reserveMany],
  ...[settle, settle, settle, settle, settle, settleMany, settleMany],
  ...[settleLate, settleAgain, free, free, freeLate, expire, expire, ask, rollover],
]
