/** What can happen in a simulation, drawn from a seed. Every action makes sense wherever it stands, so that histories can be cut. */
import fc from 'fast-check'
import { FAULTS, type Fault } from './faulty-proxy.ts'

export const GATEWAYS = 3
export const USERS = ['ada', 'bob', 'cyd', 'dan'] as const
const CREDIT = 1_000_000

export interface SimulatedCall {
  readonly gateway: number
  readonly user: string
  readonly source: 'chat' | 'workflow' | 'agent_deployment'
  readonly model: 'small' | 'large'
  readonly worstCase: number
  /** Percent of the worst case. */
  readonly prompt: number
  readonly end: 'settle' | 'free' | 'stay'
  /** Percent of what was held. */
  readonly cost: number
  /** Whether the next action waits until the store has the end of the call. */
  readonly isAwaited: boolean
}

export type Action =
  | { readonly kind: 'calls'; readonly calls: readonly SimulatedCall[]; readonly crash: number | null }
  | {
      readonly kind: 'finish'
      readonly which: number
      readonly how: 'settle' | 'free'
      readonly cost: number
    }
  | { readonly kind: 'settle again'; readonly which: number }
  /** Its lease ends, a gateway expires it, and then it turns out that it was not served. */
  | { readonly kind: 'freed late'; readonly which: number; readonly gateway: number }
  | { readonly kind: 'faults'; readonly gateway: number; readonly faults: readonly Fault[] }
  | { readonly kind: 'replay'; readonly gateway: number; readonly which: number }
  /** The heir takes over what it had written down before another one starts in its place. */
  | { readonly kind: 'crash'; readonly gateway: number; readonly heir: number | null }
  | { readonly kind: 'leases of dead gateways end' }
  | { readonly kind: 'lease ends'; readonly which: number }
  | { readonly kind: 'sweep'; readonly gateway: number }
  | { readonly kind: 'clock jumps'; readonly gateway: number; readonly ms: number }
  | { readonly kind: 'period ends' }

/** One organization's rules for a whole simulation. */
export interface Setting {
  readonly admission: 'strict' | 'straddle'
  /** Credits. */
  readonly limit: number
  readonly excludesWorkflows: boolean
  readonly alerts: readonly number[]
  readonly userAlert: number
}

const gateway = fc.nat({ max: GATEWAYS - 1 })
const which = fc.nat({ max: 99 })

const call: fc.Arbitrary<SimulatedCall> = fc.record({
  gateway,
  user: fc.constantFrom(...USERS),
  source: fc.constantFrom('chat', 'chat', 'workflow', 'agent_deployment'),
  model: fc.constantFrom('small', 'large'),
  worstCase: fc.oneof(
    fc.integer({ min: 1, max: 6 }).map((credits) => credits * CREDIT),
    fc.integer({ min: 0, max: 6 * CREDIT }),
  ),
  prompt: fc.integer({ min: 0, max: 60 }),
  end: fc.constantFrom('settle', 'settle', 'free', 'stay', 'stay'),
  cost: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constant(100), fc.integer({ min: 0, max: 150 })),
  isAwaited: fc.boolean(),
})

/** Several in a row are needed to lose a question and the same question asked again. */
const faults = fc.record({
  kind: fc.constant('faults' as const),
  gateway,
  faults: fc.array(fc.constantFrom(...FAULTS, 'lose_reply' as const, 'arrive_late' as const), {
    minLength: 1,
    maxLength: 3,
  }),
})

/** So many that a gateway writes down what it cannot tell the store. */
const outage = fc.record({
  kind: fc.constant('faults' as const),
  gateway,
  faults: fc.array(fc.constantFrom('lose_request' as const, 'lose_reply' as const, 'arrive_late' as const), {
    minLength: 4,
    maxLength: 8,
  }),
})

const HOUR_MS = 3_600_000

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('calls' as const),
      calls: fc.array(call, { minLength: 1, maxLength: 1 }),
      crash: fc.constant(null),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('calls' as const),
      calls: fc.array(call, { minLength: 2, maxLength: 10 }),
      crash: fc.option(gateway, { freq: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      which,
      how: fc.constantFrom('settle', 'settle', 'free'),
      cost: fc.integer({ min: 0, max: 120 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle again' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('freed late' as const), which, gateway }) },
  { weight: 8, arbitrary: faults },
  { weight: 3, arbitrary: outage },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('replay' as const), gateway, which }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), gateway, heir: fc.option(gateway) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'leases of dead gateways end' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lease ends' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), gateway }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('clock jumps' as const),
      gateway,
      ms: fc.constantFrom(-40 * 24 * HOUR_MS, -HOUR_MS, -5_000, 5_000, HOUR_MS, 40 * 24 * HOUR_MS),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'period ends' as const }) },
)

const setting: fc.Arbitrary<Setting> = fc.record({
  admission: fc.constantFrom('strict', 'straddle'),
  limit: fc.integer({ min: 5, max: 30 }),
  excludesWorkflows: fc.boolean(),
  alerts: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
  userAlert: fc.integer({ min: 1, max: 20 }),
})

/** The organization and the history that belong to a seed. */
export function draw(seed: number, length: number): { setting: Setting; actions: Action[] } {
  const everything = fc.tuple(
    setting,
    fc.array(action, { minLength: length, maxLength: length, size: 'max' }),
  )
  const [drawn] = fc.sample(everything, { seed, numRuns: 1 })
  if (drawn === undefined) throw new Error('nothing was drawn')
  return { setting: drawn[0], actions: drawn[1] }
}
