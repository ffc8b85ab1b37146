/**
 * Prices calls that a provider serves in a non-standard way (C11): the tier, the speed and the region in its answer
 * each have a factor. The operator's own factors override the built-in ones.
 */
import type { Served, Unpriced } from '../core/reports.ts'
import type { Factor, Tariff } from '../core/tariff.ts'

/** Names of the standard tier at OpenAI, Groq, Anthropic, Gemini and Vertex. It costs what the table says. */
const STANDARD_TIERS: ReadonlySet<string> = new Set([
  'auto',
  'default',
  'standard',
  'on_demand',
  'unspecified',
  'service_tier_unspecified',
  'traffic_type_unspecified',
])
/** Region names without a factor. Anthropic reports no region for models that have none. */
const ANY_REGION: ReadonlySet<string> = new Set(['global', 'not_available', 'unspecified'])

const factor = (numerator: bigint, denominator: bigint): Factor => ({ numerator, denominator })
const HALF = factor(1n, 2n)
const PRIORITY = factor(9n, 5n)

/** List prices that the built-in table of prices states in its comments, by provider and the beginning of the model's id. */
const BUILT_IN_TIERS: Readonly<
  Record<string, readonly (readonly [model: string, Readonly<Record<string, Factor>>])[]>
> = {
  google: [
    ['gemini-3.5-flash', { flex: HALF }],
    ['gemini-3.6-flash', { flex: HALF }],
    ['gemini-3.7-flash', { flex: HALF, priority: PRIORITY }],
    ['gemini-3.8-flash', { flex: HALF, priority: PRIORITY }],
  ],
}
/** Anthropic's price list: inference in the US costs 1.1 times as much, for all kinds of tokens. */
const BUILT_IN_REGIONS: Readonly<Record<string, Readonly<Record<string, Factor>>>> = {
  anthropic: { us: factor(11n, 10n) },
}

export interface ServedPrice {
  /** Null if tokens cost what the table says. */
  readonly factor: Factor | null
  /** Tiers and regions that were served and have no factor: charged as standard. */
  readonly unpriced: readonly Unpriced[]
}

const AS_LISTED: ServedPrice = { factor: null, unpriced: [] }

export function priceOfServed(provider: string | null, tariff: Tariff, served: Served): ServedPrice {
  const { serviceTier, speed, region } = served
  if (serviceTier === null && speed === null && region === null) return AS_LISTED
  let all: Factor | null = null
  const unpriced: Unpriced[] = []
  for (const [kind, said] of [
    ['service_tier', serviceTier],
    ['service_tier', speed],
    ['region', region],
  ] as const) {
    const name = (said ?? '').toLowerCase()
    if (isStandard(kind, name)) continue
    const found = factorOf(provider, tariff, kind, name)
    if (found === null) unpriced.push({ kind, name: said ?? '' })
    else all = all === null ? found : product(all, found)
  }
  return { factor: all, unpriced }
}

/** The factor on the price of tokens for this tier (or speed) or region; null if it has no price. */
export function factorOf(
  provider: string | null,
  tariff: Tariff,
  kind: 'service_tier' | 'region',
  name: string,
): Factor | null {
  const own = kind === 'region' ? tariff.regions : tariff.serviceTiers
  return own.get(name.toLowerCase()) ?? builtIn(kind, provider, tariff.model, name.toLowerCase())
}

function isStandard(kind: 'service_tier' | 'region', name: string): boolean {
  return name === '' || (kind === 'region' ? ANY_REGION : STANDARD_TIERS).has(name)
}

function builtIn(
  kind: 'service_tier' | 'region',
  provider: string | null,
  model: string,
  name: string,
): Factor | null {
  if (provider === null) return null
  if (kind === 'region') return ownValue(BUILT_IN_REGIONS[provider] ?? {}, name)
  const [, tiers = {}] = BUILT_IN_TIERS[provider]?.find(([prefix]) => model.startsWith(prefix)) ?? []
  return ownValue(tiers, name)
}

/** The provider chooses the name: `constructor` must not be found as a tier. */
function ownValue(factors: Readonly<Record<string, Factor>>, name: string): Factor | null {
  return Object.hasOwn(factors, name) ? (factors[name] ?? null) : null
}

function product(a: Factor, b: Factor): Factor {
  return factor(a.numerator * b.numerator, a.denominator * b.denominator)
}
