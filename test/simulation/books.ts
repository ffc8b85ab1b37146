/** All that the store holds of one organization at one instant, and the invariants that must hold in it (docs/design.md). */
import assert from 'node:assert/strict'
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { USERS, type Setting } from './actions.ts'

const CREDIT = 1_000_000
const SOURCES = ['chat', 'workflow', 'agent_deployment'] as const

/** Reads every key of the organization in one step. Only for tests: it looks at all keys of the database. */
const DUMP = `
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local kind = redis.call('TYPE', key).ok
  local content = {}
  if kind == 'hash' then content = redis.call('HGETALL', key)
  elseif kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'stream' then
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do content[#content + 1] = cjson.encode(entry[2]) end
  end
  found[#found + 1] = { key, content }
end
return found`

export interface Resolution {
  readonly status: 'charged' | 'expired' | 'freed' | 'returned'
  /** What it came to. */
  readonly amount: number
  /** What expiring had charged, and was given back. */
  readonly returned: number
}

interface UserBook {
  readonly used: Readonly<Record<string, number>>
  readonly held: Readonly<Record<string, number>>
  readonly usage: ReadonlyMap<string, number>
  readonly open: ReadonlyMap<string, number>
}

interface Period {
  readonly used: number
  readonly held: number
  readonly top: ReadonlyMap<string, number>
  readonly users: ReadonlyMap<string, UserBook>
}

export interface Books {
  readonly periods: ReadonlyMap<number, Period>
  /** Members of the leases: `period day hold user`. */
  readonly leases: readonly string[]
  readonly resolved: ReadonlyMap<string, Resolution>
  /** Charges by `source|model`, and by `user source|model`, over all days. */
  readonly days: ReadonlyMap<string, number>
  readonly userDays: ReadonlyMap<string, number>
  /** `type period alert|user version`, one an entry of the outbox. */
  readonly crossings: readonly string[]
}

type Pairs = [string, string][]

function pairsOf(flat: readonly string[]): Pairs {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as [string, string]] : []))
}

const first = (text: string): number => Number(text.split(' ')[0])
const add = (map: Map<string, number>, name: string, amount: number): void =>
  void map.set(name, (map.get(name) ?? 0) + amount)
const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0)

function userBook(pairs: Pairs): UserBook {
  const fields = new Map(pairs)
  const amounts = (kind: string): Record<string, number> =>
    Object.fromEntries(SOURCES.map((source) => [source, Number(fields.get(`${kind}:${source}`) ?? 0)]))
  const named = (prefix: string): Map<string, number> =>
    new Map(
      pairs.flatMap(([name, text]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), first(text)] as const] : [],
      ),
    )
  return { used: amounts('used'), held: amounts('held'), usage: named('m:'), open: named('o:') }
}

export async function readBooks(redis: RedisClient, org: string): Promise<Books> {
  const prefix = keys.org(org).slice(0, -'org'.length)
  // The tag's braces mean nothing in a pattern of Redis.
  const found = (await redis.eval(DUMP, 0, `${prefix}*`)) as [string, string[]][]
  const content = new Map(found.map(([key, flat]) => [key.slice(prefix.length), flat]))
  const periods = new Map<number, Period>()
  const resolved = new Map<string, Resolution>()
  const [days, userDays] = [new Map<string, number>(), new Map<string, number>()]
  for (const [name, flat] of content) {
    const pairs = pairsOf(flat)
    const [, no] = /^p(\d+):total$/.exec(name) ?? []
    const [, dayUser] = /^d\d+:(?:u:)?(.+)$/.exec(name) ?? []
    if (no !== undefined) periods.set(Number(no), periodOf(Number(no), new Map(pairs), content))
    if (name.startsWith('resolved:')) for (const [id, text] of pairs) resolved.set(id, resolutionOf(text))
    if (dayUser === undefined) continue
    for (const [field, text] of pairs) {
      if (dayUser === 'all') add(days, field, first(text))
      else add(userDays, `${dayUser} ${field}`, first(text))
    }
  }
  const leases = pairsOf(content.get('leases') ?? []).map(([lease]) => lease)
  return {
    periods,
    leases,
    resolved,
    days,
    userDays,
    crossings: (content.get('outbox') ?? []).map(crossingOf),
  }
}

function periodOf(no: number, total: Map<string, string>, content: Map<string, string[]>): Period {
  const pairs = (name: string): Pairs => pairsOf(content.get(`p${no}:${name}`) ?? [])
  return {
    used: Number(total.get('used') ?? 0),
    held: Number(total.get('held') ?? 0),
    top: new Map(pairs('top').map(([user, score]) => [user, Number(score)])),
    users: new Map(USERS.map((user) => [user, userBook(pairs(`u:${user}`))])),
  }
}

function resolutionOf(text: string): Resolution {
  const [status = '', amount = '0'] = text.split(' ')
  const isReturned = status === 'returned'
  return {
    status: status as Resolution['status'],
    amount: isReturned ? 0 : Number(amount),
    returned: isReturned ? Number(amount) : 0,
  }
}

function crossingOf(json: string): string {
  const field = new Map(pairsOf(JSON.parse(json) as string[]))
  const subject = field.get('alert') ?? field.get('user') ?? ''
  return `${field.get('type') ?? ''} ${field.get('period_no') ?? ''} ${subject} ${field.get('version') ?? ''}`
}

// --- invariants -----------------------------------------------------------------------------------------------------------

/** By user, what may carry the user past the limit within the rules: costs above a hold, and late corrections (C4, C6). */
export type Excess = ReadonlyMap<string, number>

const ordered = (map: ReadonlyMap<string, number>): [string, number][] =>
  [...map].filter(([, amount]) => amount !== 0).sort(([a], [b]) => (a < b ? -1 : 1))

/** Throws, naming the invariant, where one does not hold. */
export function check(books: Books, setting: Setting, excess: Excess, peaks: Peaks): void {
  checkCounters(books, setting, peaks)
  checkResolved(books)
  checkLimits(books, setting, excess)
}

/** The invariants that do not ask how holds were resolved, which is forgotten in time. */
export function checkCounters(books: Books, setting: Setting, peaks: Peaks): void {
  checkHolds(books)
  checkSums(books)
  checkCrossings(books, setting, peaks)
}

/**
 * The highest that each sum has been. Sums fall only where something is given back; so between two looks none was higher
 * than it is at the second of them and what was given back in between. Where nothing was, the highest is known exactly.
 */
export class Peaks {
  readonly #least = new Map<string, number>()
  readonly #most = new Map<string, number>()
  #returned = 0
  #slack = 0

  /** Begins a look. */
  look({ resolved }: Books): void {
    const returned = sum(Array.from(resolved.values(), (resolution) => resolution.returned))
    this.#slack = returned - this.#returned
    this.#returned = returned
  }

  /** Whether a sum, which is `now` at this look, has reached a mark; null where that cannot be told. */
  hasReached(name: string, now: number, mark: number): boolean | null {
    const least = Math.max(this.#least.get(name) ?? 0, now)
    const most = Math.max(this.#most.get(name) ?? 0, now + this.#slack)
    this.#least.set(name, least)
    this.#most.set(name, most)
    if (least >= mark) return true
    return most < mark ? false : null
  }
}

/** Invariant 1: the open holds are the held counters, each has its lease, and none is resolved. */
function checkHolds({ periods, leases, resolved }: Books): void {
  const open: string[] = []
  for (const [no, period] of periods) {
    let held = 0
    for (const [user, book] of period.users) {
      const heldByUser = sum(Object.values(book.held))
      assert.equal(sum(book.open.values()), heldByUser, `invariant 1: holds of ${user} in period ${no}`)
      held += heldByUser
      for (const id of book.open.keys()) {
        open.push(`${no} ${id} ${user}`)
        assert.equal(resolved.get(id), undefined, `invariant 1: ${id} is open and resolved`)
      }
    }
    assert.equal(period.held, held, `invariant 1: held of period ${no}`)
  }
  const leased = leases.map((lease) => lease.split(' ')).map(([no, , id, user]) => `${no} ${id} ${user}`)
  assert.deepEqual(leased.sort(), open.sort(), 'invariant 1: one lease a hold')
}

/** Invariant 1: what was resolved is what was charged, each once. */
function checkResolved({ periods, resolved }: Books): void {
  assert.equal(
    sum(Array.from(resolved.values(), ({ amount }) => amount)),
    sum(Array.from(periods.values(), ({ used }) => used)),
    'invariant 1: charged once each',
  )
}

/** Invariant 2: the users, their models, the days and the totals are the same money. */
function checkSums({ periods, days, userDays }: Books): void {
  const [byModel, byUserAndModel] = [new Map<string, number>(), new Map<string, number>()]
  for (const [no, period] of periods) {
    let used = 0
    const top = new Map<string, number>()
    for (const [user, book] of period.users) {
      for (const source of SOURCES) {
        const ofSource = [...book.usage].filter(([name]) => name.startsWith(`${source}|`))
        const amounts = ofSource.map(([, amount]) => amount)
        assert.equal(sum(amounts), book.used[source], `invariant 2: ${source} of ${user} in period ${no}`)
      }
      for (const [name, amount] of book.usage) {
        add(byModel, name, amount)
        add(byUserAndModel, `${user} ${name}`, amount)
      }
      top.set(user, sum(Object.values(book.used)))
      used += top.get(user) ?? 0
    }
    assert.equal(period.used, used, `invariant 2: used of period ${no}`)
    assert.deepEqual(ordered(period.top), ordered(top), `invariant 2: index by use of period ${no}`)
  }
  assert.deepEqual(ordered(days), ordered(byModel), 'invariant 2: days')
  assert.deepEqual(ordered(userDays), ordered(byUserAndModel), 'invariant 2: days of users')
}

const MOST_OF_A_CALL = 6 * CREDIT

/** Invariant 3. */
function checkLimits({ periods }: Books, setting: Setting, excess: Excess): void {
  const counts = SOURCES.filter((source) => !(setting.excludesWorkflows && source === 'workflow'))
  for (const [no, { users }] of periods) {
    for (const [user, { used, held }] of users) {
      const promised = sum(counts.map((source) => (used[source] ?? 0) + (held[source] ?? 0)))
      const straddling = setting.admission === 'straddle' ? MOST_OF_A_CALL - 1 : 0
      const most = setting.limit * CREDIT + straddling + (excess.get(user) ?? 0)
      assert.ok(promised <= most, `invariant 3: ${promised} of at most ${most} for ${user} in period ${no}`)
    }
  }
}

/** Invariant 4: a crossing is in the outbox, once, if and only if its mark was reached. */
function checkCrossings(books: Books, setting: Setting, peaks: Peaks): void {
  const there = new Set(books.crossings)
  assert.equal(there.size, books.crossings.length, 'invariant 4: a crossing is there twice')
  const known: string[] = []
  peaks.look(books)
  function reached(sumName: string, now: number, credits: number, crossing: string): void {
    // Where it cannot be told, both are right.
    if (peaks.hasReached(sumName, now, credits * CREDIT) ?? there.has(crossing)) known.push(crossing)
  }
  for (const [no, { used, users }] of books.periods) {
    for (const [index, threshold] of setting.alerts.entries())
      reached(`${no}`, used, threshold, `org.alert.crossed ${no} a${index} 1`)
    for (const [user, book] of users) {
      const all = sum(Object.values(book.used))
      const counted = setting.excludesWorkflows ? all - (book.used['workflow'] ?? 0) : all
      reached(`${no} ${user}`, all, setting.userAlert, `user.alert.crossed ${no} ${user} 1`)
      const refused = `user.limit.reached ${no} ${user} ${setting.limit * CREDIT}`
      reached(`${no} ${user} counted`, counted, setting.limit, refused)
    }
  }
  assert.deepEqual([...there].sort(), known.sort(), 'invariant 4: crossings')
}
