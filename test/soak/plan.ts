/** One call of the soak: what will be asked, how the provider will behave, and what its client will do; drawn from a seed. */
import type { Model, Tokens } from './prices.ts'
import type { Shape } from './shape.ts'
import { SHAPES } from './shapes.ts'
import { SOURCES, type Household } from './households.ts'

/** How the provider behaves. */
export type Conduct =
  | { readonly kind: 'serves'; readonly report: 'usage' | 'nonsense' | 'none' }
  | { readonly kind: 'fails'; readonly status: number }
  /** Never answers. */
  | { readonly kind: 'is silent' }
  /** Stops in the middle of a stream: closes the connection, or keeps it and says nothing more. */
  | { readonly kind: 'breaks' | 'stalls'; readonly after: number }

/** What is wrong with a call that the gateway has to refuse. */
export type Flaw = 'key' | 'model' | 'json' | 'option' | 'route' | 'source' | 'user'

export interface Plan {
  readonly id: string
  readonly household: Household
  readonly user: string
  readonly source: (typeof SOURCES)[number]
  readonly shape: Shape
  readonly model: Model
  readonly prompt: string
  readonly maxTokens: number
  readonly pieces: number
  readonly tokens: Tokens
  readonly conduct: Conduct
  readonly flaw: Flaw | null
  /** Whether it goes to an upstream that nobody listens at. */
  readonly isUnreachable: boolean
  /** Milliseconds before the answer begins, and between the pieces of a stream. */
  readonly delayMs: number
  readonly paceMs: number
  /** When the client goes away, in milliseconds from the start; null where it stays. */
  readonly leavesAfterMs: number | null
}

const FLAWS: readonly Flaw[] = ['key', 'key', 'model', 'json', 'option', 'route', 'source', 'user']
const MAX_PIECES = 24

export function draw(random: () => number, id: string, households: readonly Household[]): Plan {
  const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  const oneOf = <T>(list: readonly T[]): T => {
    const found = list[Math.floor(random() * list.length)]
    if (found === undefined) throw new Error('nothing to draw from')
    return found
  }
  const happens = (share: number): boolean => random() < share
  const household = oneOf(households)
  const shape = drawShape(random)
  const isBig = happens(0.01)
  const model = shape.generates ? (isBig || happens(0.7) ? 'soak-small' : 'soak-large') : 'soak-embedding'
  const pieces = whole(1, MAX_PIECES)
  const caches = shape.family === 'anthropic'
  const user = oneOf(household.users)
  const isReadable = shape.family !== 'generic'
  const flaw = happens(0.07) ? flawFor(oneOf(FLAWS), isReadable, household.ownKeys.has(user)) : null
  return {
    id,
    household,
    user,
    source: oneOf(SOURCES),
    shape,
    model,
    prompt: 'Tell me more. '.repeat(isBig ? whole(10_000, 40_000) : whole(1, 150)),
    maxTokens: MAX_PIECES * 10 + whole(0, 200),
    pieces,
    tokens: {
      input: whole(5, 900),
      cached: shape.generates && happens(0.4) ? whole(1, 500) : 0,
      write5m: caches && happens(0.3) ? whole(1, 200) : 0,
      write1h: caches && happens(0.1) ? whole(1, 200) : 0,
      output: shape.generates ? Math.max(whole(1, 400), pieces * 10) : 0,
    },
    conduct: drawConduct(random(), shape, whole(0, pieces)),
    flaw,
    isUnreachable: flaw === null && shape.family === 'openai' && happens(0.01),
    delayMs: whole(5, 400),
    paceMs: happens(0.1) ? whole(150, 300) : whole(5, 60),
    leavesAfterMs: happens(0.1) ? whole(1, 1_200) : null,
  }
}

/** Nobody reads what an API at a flat price is asked, and who has an own key names nobody. */
function flawFor(flaw: Flaw, isReadable: boolean, hasOwnKey: boolean): Flaw {
  if (flaw === 'user' && hasOwnKey) return 'key'
  return isReadable || flaw === 'route' || flaw === 'source' || flaw === 'user' ? flaw : 'key'
}

function drawShape(random: () => number): Shape {
  const sum = SHAPES.reduce((total, [weight]) => total + weight, 0)
  let left = random() * sum
  for (const [weight, shape] of SHAPES) {
    left -= weight
    if (left < 0) return shape
  }
  throw new Error('no shape')
}

function drawConduct(drawn: number, shape: Shape, after: number): Conduct {
  if (drawn < 0.02) return { kind: 'fails', status: 429 }
  if (drawn < 0.03) return { kind: 'fails', status: 500 }
  if (drawn < 0.04) return { kind: 'fails', status: 503 }
  if (drawn < 0.045) return { kind: 'fails', status: 400 }
  if (drawn < 0.05) return { kind: 'is silent' }
  if (drawn < 0.08 && shape.streams) return { kind: 'breaks', after }
  if (drawn < 0.085 && shape.streams) return { kind: 'stalls', after }
  if (drawn < 0.1) return { kind: 'serves', report: 'none' }
  if (drawn < 0.115) return { kind: 'serves', report: 'nonsense' }
  return { kind: 'serves', report: 'usage' }
}
