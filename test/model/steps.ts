/** The steps of a sequence: each does the same to the model and to the gateway, and compares what both answer. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Microcredits } from '../../src/core/units.ts'
import {
  changeOrg,
  deleteCustomLimit,
  putCustomLimit,
  putMember as putMemberOf,
  removeMember as removeMemberOf,
} from '../support/changes.ts'
import { agree, sameStanding, USERS } from './agree.ts'
import { SOURCES, type Call, type LimitSettings, type Model, type Recipients } from './model.ts'
import { CREDIT, GATEWAYS, type System } from './system.ts'

export type Step = fc.AsyncCommand<Model, System>

/** After `work`, everything must agree. `can` says whether the step makes sense where the model stands. */
export function step(
  name: string,
  work: (model: Model, system: System) => Promise<void>,
  can: (model: Readonly<Model>) => boolean = () => true,
): Step {
  return {
    check: can,
    toString: () => name,
    async run(model, system) {
      system.history.push(name)
      await work(model, system)
      await agree(model, system)
    },
  }
}

const shown = (value: unknown): string => JSON.stringify(value)

const user = fc.constantFrom(...USERS)
const source = fc.constantFrom(...SOURCES)
const model = fc.constantFrom('small', 'large')
const gateway = fc.nat({ max: GATEWAYS - 1 })
/** Whole credits often, so that marks are met exactly, and one microcredit beside them. */
export const amount = fc.oneof(
  fc.integer({ min: 0, max: 8 }).map((credits) => credits * CREDIT),
  fc.integer({ min: 1, max: 8 }).map((credits) => credits * CREDIT - 1),
  fc.constantFrom(0, 1),
  fc.integer({ min: 1, max: 9 * CREDIT }),
)
export const recipients: fc.Arbitrary<Recipients> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Recipients>('all') },
  {
    weight: 1,
    arbitrary: fc.uniqueArray(fc.constantFrom('ada', 'bob', 'cyd'), { minLength: 1, maxLength: 2 }),
  },
)

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

// --- calls --------------------------------------------------------------------------------------------------------------

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

function pick(ids: readonly string[], at: number): string {
  const id = ids[at % ids.length]
  if (id === undefined) throw new Error('nothing to pick')
  return id
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

// --- edits --------------------------------------------------------------------------------------------------------------

const wholeLimit = fc.constantFrom(0, 1, 5, 10, 20, 40).map((credits) => credits * CREDIT)

export const limitSettings: fc.Arbitrary<LimitSettings> = fc.record({
  enabled: fc.oneof(
    { weight: 4, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  default: wholeLimit,
  recipients: fc.constant<Recipients>('all'),
  exclude: fc.record({ workflow: fc.boolean(), agent_deployment: fc.boolean() }),
})

const limits = limitSettings.map((settings) =>
  step(`limits ${shown(settings)}`, async (model, system) => {
    model.setLimits(settings)
    await system.setLimits(settings)
  }),
)

const customLimit = fc.tuple(user, fc.option(wholeLimit)).map(([user, limit]) =>
  step(`custom limit of ${user}: ${limit ?? 'unlimited'}`, async (model, system) => {
    const expected = model.putCustomLimit(user, limit)
    const custom = { user, limit: limit as Microcredits | null }
    assert.equal(await putCustomLimit(system.directory, system.org, custom), expected)
  }),
)

const noCustomLimit = user.map((user) =>
  step(`no custom limit of ${user}`, async (model, system) => {
    const expected = model.deleteCustomLimit(user)
    assert.equal(await deleteCustomLimit(system.directory, system.org, user), expected)
  }),
)

const admission = fc.constantFrom('strict' as const, 'straddle' as const).map((admission) =>
  step(`admission ${admission}`, async (model, system) => {
    model.setAdmission(admission)
    await changeOrg(system.directory, system.org, { admission })
  }),
)

const enrollment = fc.tuple(fc.boolean(), fc.integer({ min: 2, max: 6 })).map(([autoEnroll, maxMembers]) =>
  step(`enrollment ${String(autoEnroll)} up to ${maxMembers}`, async (model, system) => {
    Object.assign(model.settings, { autoEnroll, maxMembers })
    await changeOrg(system.directory, system.org, { autoEnroll, maxMembers })
  }),
)

const putMember = fc
  .tuple(user, fc.constantFrom('admin' as const, 'member' as const), fc.boolean())
  .map(([user, role, byOperator]) =>
    step(`put ${user} as ${role}${byOperator ? ' by the operator' : ''}`, async (model, system) => {
      const expected = model.putMember(user, role, byOperator)
      const member = { user, email: null, name: null, role }
      assert.equal(await putMemberOf(system.directory, system.org, member, byOperator), expected)
    }),
  )

const removeMember = fc.tuple(user, fc.boolean()).map(([user, byOperator]) =>
  step(`remove ${user}${byOperator ? ' by the operator' : ''}`, async (model, system) => {
    const expected = model.removeMember(user, byOperator)
    assert.equal(await removeMemberOf(system.directory, system.org, user, byOperator), expected)
  }),
)

/** Each as often as it stands here: calls and settles make up about half of a sequence. */
export const STEPS: fc.Arbitrary<Step>[] = [
  ...[reserve, reserve, reserve, reserve, reserve, reserveMany, reserveMany],
  ...[settle, settle, settle, settle, settle, settleMany, settleMany],
  ...[settleLate, settleAgain, free, free, expire, expire, ask, rollover],
  ...[
    limits,
    limits,
    customLimit,
    customLimit,
    noCustomLimit,
    admission,
    enrollment,
    putMember,
    removeMember,
  ],
]
