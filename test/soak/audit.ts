/** Compares what the provider served with what the store charged, line by line, and says of each difference whose it is. */
import type { RedisClient } from '../../src/store/connection.ts'
import { readBooks, type Books } from './books.ts'
import { fatesOf, type Call, type Circumstances } from './fates.ts'
import type { Household } from './households.ts'
import { explain, minus, plus } from './lines.ts'
import type { Served } from './origin.ts'
import { actual, NOTHING, searchCharge, type Charge } from './prices.ts'

export interface Item {
  calls: number
  /** Microcredits that the provider's own reports come to, and that were charged. */
  served: number
  charged: number
}

export interface Audit {
  /**
   * Explains every line that changed since the last time by the calls made since. Where that fails something may only be
   * late: asked again with the same calls, it goes on from the same lines until `accept`.
   */
  compare(calls: readonly Call[], served: ReadonlyMap<string, Served>): Promise<string[]>
  /** Takes the last comparison for settled. */
  accept(): void
  readonly items: ReadonlyMap<string, Item>
  readonly marks: () => ReadonlyMap<string, readonly string[]>
  readonly expired: () => number
}

export interface AuditOptions extends Circumstances {
  readonly redis: RedisClient
  readonly households: readonly Household[]
  /** Microcredits by `org user source|adjustment`. */
  readonly adjusted: ReadonlyMap<string, number>
}

const lineOf = ({ plan }: Call): string => {
  const model = plan.shape.family === 'generic' ? 'POST /v1/search' : plan.model
  return `${plan.household.id} ${plan.user} ${plan.source}|${model}`
}

export function createAudit(options: AuditOptions): Audit {
  const { redis, households, adjusted } = options
  const items = new Map<string, Item>()
  const marks = new Map<string, readonly string[]>()
  /** Of each organization: what its holds came to, also of those that the store has forgotten since. */
  const resolved = new Map<string, Map<string, number>>()
  const expired = new Set<string>()
  let accepted: ReadonlyMap<string, Charge> = new Map()
  let latest: ReadonlyMap<string, Charge> = new Map()
  let found: { item: string; served: number; charged: number }[] = []

  function takeBooks(org: string, books: Books, lines: Map<string, Charge>): string[] {
    const wrong = [...books.violations]
    marks.set(org, books.marks)
    const holds = resolved.get(org) ?? new Map<string, number>()
    resolved.set(org, holds)
    for (const [id, amount] of books.resolved) holds.set(id, amount)
    for (const id of books.expired) expired.add(id)
    let charged = 0
    for (const [line, charge] of books.lines) {
      lines.set(`${org} ${line}`, charge)
      if (!line.endsWith('|adjustment')) charged += charge.credits
    }
    const held = [...holds.values()].reduce((sum, amount) => sum + amount, 0)
    if (held !== charged) wrong.push(`${org}: its holds were resolved to ${held}, its usage is ${charged}`)
    return wrong
  }

  function explainLine(line: string, calls: readonly Call[], served: ReadonlyMap<string, Served>): string[] {
    const change = minus(latest.get(line) ?? NOTHING, accepted.get(line) ?? NOTHING)
    const all = calls.map((call) => fatesOf(call, served.get(call.plan.id), options))
    const wrong = all.flatMap(({ violation }, at) => {
      const call = calls[at]
      return violation === null || call === undefined ? [] : [`${violation}\n${told(call, served, options)}`]
    })
    const chosen = explain(
      change,
      all.map(({ fates }) => fates),
    )
    if (chosen === null) {
      const usual = all.map(({ fates }) => fates[0]?.charge ?? NOTHING).reduce(plus, NOTHING)
      const history = calls.map((call) => told(call, served, options)).join('\n')
      return [
        ...wrong,
        `${line}: ${JSON.stringify(change)} is no sum of its calls, usually ${JSON.stringify(usual)}\n${history}`,
      ]
    }
    chosen.forEach(({ item, charge }, at) => {
      const call = calls[at]
      if (call !== undefined) found.push({ item, served: reportedBy(call, served), charged: charge.credits })
    })
    return wrong
  }

  return {
    items,
    marks: () => marks,
    expired: () => expired.size,
    async compare(calls, served) {
      const lines = new Map<string, Charge>()
      const wrong: string[] = []
      for (const { id } of households) wrong.push(...takeBooks(id, await readBooks(redis, id), lines))
      latest = lines
      found = []
      const byLine = groupedByLine(calls)
      for (const line of new Set([...lines.keys(), ...byLine.keys()])) {
        if (!line.endsWith('|adjustment')) wrong.push(...explainLine(line, byLine.get(line) ?? [], served))
        else if ((lines.get(line)?.credits ?? 0) !== (adjusted.get(line) ?? 0)) {
          wrong.push(`${line}: ${JSON.stringify(lines.get(line))}, adjusted by ${adjusted.get(line) ?? 0}`)
        }
      }
      return wrong
    },
    accept() {
      accepted = latest
      for (const { item, served, charged } of found) {
        const sum = items.get(item) ?? { calls: 0, served: 0, charged: 0 }
        items.set(item, sum)
        sum.calls += 1
        sum.served += served
        sum.charged += charged
      }
    },
  }
}

function groupedByLine(calls: readonly Call[]): Map<string, Call[]> {
  const groups = new Map<string, Call[]>()
  for (const call of calls) {
    const line = lineOf(call)
    const group = groups.get(line)
    if (group === undefined) groups.set(line, [call])
    else group.push(call)
  }
  return groups
}

/** What the provider's own report of the call comes to; nothing where it made none, or did not come to its end. */
function reportedBy({ plan }: Call, served: ReadonlyMap<string, Served>): number {
  const { conduct, shape, model, tokens } = plan
  if (served.get(plan.id)?.isFinished !== true || conduct.kind !== 'serves') return 0
  if (shape.family === 'generic') return searchCharge.credits
  return conduct.report === 'usage' ? actual(model, tokens).credits : 0
}

/** All that is known of a call. */
function told(call: Call, served: ReadonlyMap<string, Served>, circumstances: Circumstances): string {
  const { plan, bytes, place, life, startedAt, endedAt, seen } = call
  const { id, user, source, shape, model, tokens, pieces, conduct, flaw, leavesAfterMs } = plan
  const clock = (at: number): string => new Date(at).toISOString().slice(11, 23)
  const during = circumstances.happened
    .filter(({ from, to }) => from <= endedAt + 5_000 && to >= startedAt - 5_000)
    .map(({ fault, from, to }) => `${fault} ${clock(from)}-${clock(to)}`)
  const facts = { user, source, model, bytes, pieces, tokens, conduct, flaw, leavesAfterMs }
  return [
    `    ${id}: ${shape.name} at gateway ${place}, ${clock(startedAt)}-${clock(endedAt)}: ${JSON.stringify(facts)}`,
    `      client ${JSON.stringify(seen)}, provider ${JSON.stringify(served.get(id) ?? null)}`,
    `      kills ${life.kills.map(clock).join(' ')}; ${during.join('; ')}`,
    `      may be ${JSON.stringify(fatesOf(call, served.get(id), circumstances).fates.slice(0, 6))}`,
  ].join('\n')
}
