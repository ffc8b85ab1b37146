/** What every step of a sequence has: it does the same to the model and to the gateway, and then both must agree. */
import fc from 'fast-check'
import { agree, USERS } from './agree.ts'
import { SOURCES, type Model, type Recipients } from './model.ts'
import { CREDIT, type System } from './system.ts'

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

export const shown = (value: unknown): string => JSON.stringify(value)

export const user = fc.constantFrom(...USERS)
export const source = fc.constantFrom(...SOURCES)
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

export function pick(ids: readonly string[], at: number): string {
  const id = ids[at % ids.length]
  if (id === undefined) throw new Error('nothing to pick')
  return id
}
