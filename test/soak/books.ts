/** What the store holds of an organization that is at rest, and what must hold in it (docs/design.md, invariants 1 and 2). */
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { NOTHING, type Charge } from './prices.ts'
import { plus } from './lines.ts'

export interface Books {
  /** `user source|model` → the sum of all periods. */
  readonly lines: ReadonlyMap<string, Charge>
  /** Microcredits by hold, of holds that were charged, expired, or given back after that, and are still remembered. */
  readonly resolved: ReadonlyMap<string, number>
  /** Those of them whose lease ran out. */
  readonly expired: readonly string[]
  /** Crossings that the marks in the store say happened: `type subject version period`. */
  readonly marks: readonly string[]
  readonly violations: readonly string[]
}

type Hash = Readonly<Record<string, string>>

function chargeOf(text: string): Charge {
  const [credits = 0, calls = 0, input = 0, output = 0] = text.split(' ').map(Number)
  return { credits, calls, input, output }
}

const total = (numbers: Iterable<number>): number => [...numbers].reduce((sum, number) => sum + number, 0)

function add(lines: Map<string, Charge>, name: string, charge: Charge): void {
  lines.set(name, plus(lines.get(name) ?? NOTHING, charge))
}

class Reading {
  readonly lines = new Map<string, Charge>()
  readonly resolved = new Map<string, number>()
  readonly marks: string[] = []
  readonly violations: string[] = []
  readonly expired: string[] = []
  readonly #org: string
  readonly #days = new Map<string, Charge>()
  readonly #userDays = new Map<string, Charge>()
  readonly #usedOfPeriods = new Map<string, number>()

  constructor(org: string) {
    this.#org = org
  }

  /** One key of the organization, without its prefix. */
  take(name: string, hash: Hash): void {
    const [, period = '', user] = /^p(\d+):u:(.*)$/.exec(name) ?? []
    if (user !== undefined) this.#takeUser(period, user, hash)
    const [, fired] = /^p(\d+):fired$/.exec(name) ?? []
    if (fired !== undefined) this.#takeFired(fired, hash)
    const [, dayUser] = /^d\d+:u:(.*)$/.exec(name) ?? []
    for (const [field, text] of Object.entries(hash)) {
      if (dayUser !== undefined) add(this.#userDays, `${dayUser} ${field}`, chargeOf(text))
      else if (/^d\d+:all$/.test(name)) add(this.#days, field, chargeOf(text))
      else if (name.startsWith('resolved:')) this.#takeResolved(field, text)
    }
  }

  #takeUser(period: string, user: string, hash: Hash): void {
    const used = new Map<string, number>()
    for (const [field, text] of Object.entries(hash)) {
      const colon = field.indexOf(':')
      const [kind, rest] = [field.slice(0, Math.max(0, colon)), field.slice(colon + 1)]
      if ((kind === 'used' || kind === 'held') && Number(text) < 0) this.#fault(`${user} ${field} is ${text}`)
      if (kind === 'held' && Number(text) !== 0) this.#fault(`${user} ${field} is ${text} at rest`)
      if (kind === 'o') this.#fault(`the hold ${rest} of ${user} is still open: ${text}`)
      if (kind === 'used') used.set(rest, Number(text))
      if (kind === 'hit') this.marks.push(`user.limit.reached ${user} ${rest} ${period}`)
      if (field === 'alerted') this.marks.push(`user.alert.crossed ${user} ${text} ${period}`)
      if (kind === 'm') add(this.lines, `${user} ${rest}`, chargeOf(text))
    }
    for (const [source, amount] of used) {
      const models = Object.entries(hash).filter(([field]) => field.startsWith(`m:${source}|`))
      const sum = total(models.map(([, text]) => chargeOf(text).credits))
      if (sum !== amount) this.#fault(`${user} used ${amount} of ${source}, and by model ${sum}`)
    }
    const before = this.#usedOfPeriods.get(period) ?? 0
    this.#usedOfPeriods.set(period, before + total(used.values()))
  }

  #takeFired(period: string, hash: Hash): void {
    for (const [alert, text] of Object.entries(hash)) {
      this.marks.push(`org.alert.crossed ${alert} ${text.split(' ')[0] ?? ''} ${period}`)
    }
  }

  #takeResolved(id: string, text: string): void {
    const [status, amount = '0'] = text.split(' ')
    if (status !== 'freed') this.resolved.set(id, status === 'returned' ? 0 : Number(amount))
    if (status === 'expired') this.expired.push(id)
  }

  /** Once every key was taken. */
  close(
    totals: ReadonlyMap<string, Hash>,
    top: ReadonlyMap<string, number>,
    leases: readonly string[],
  ): Books {
    for (const [period, hash] of totals) {
      const used = this.#usedOfPeriods.get(period) ?? 0
      if (Number(hash['used'] ?? 0) !== used)
        this.#fault(`period ${period}: ${String(hash['used'])}, users ${used}`)
      if (Number(hash['held'] ?? 0) !== 0)
        this.#fault(`period ${period}: ${String(hash['held'])} held at rest`)
    }
    if (leases.length > 0) this.#fault(`leases: ${leases.join(', ')}`)
    const byModel = new Map<string, Charge>()
    for (const [name, charge] of this.lines) add(byModel, name.slice(name.indexOf(' ') + 1), charge)
    this.#compare('days', this.#days, byModel)
    this.#compare('days of users', this.#userDays, this.lines)
    const all = total([...this.lines.values()].map(({ credits }) => credits))
    if (total(top.values()) !== all)
      this.#fault(`the index by use has ${total(top.values())}, the users ${all}`)
    const { lines, resolved, expired, marks, violations } = this
    return { lines, resolved, expired, marks, violations }
  }

  #compare(what: string, have: ReadonlyMap<string, Charge>, want: ReadonlyMap<string, Charge>): void {
    for (const name of new Set([...have.keys(), ...want.keys()])) {
      const [there, wanted] = [
        JSON.stringify(have.get(name) ?? NOTHING),
        JSON.stringify(want.get(name) ?? NOTHING),
      ]
      if (there !== wanted) this.#fault(`${what}: ${name} has ${there}, the counters ${wanted}`)
    }
  }

  #fault(what: string): void {
    this.violations.push(`${this.#org}: ${what}`)
  }
}

/** Reads everything; the organization must be at rest. */
export async function readBooks(redis: RedisClient, org: string): Promise<Books> {
  const prefix = keys.org(org).slice(0, -'org'.length)
  // The tag's braces mean nothing in a pattern of Redis.
  const names = (await redis.keys(`${prefix}*`)).map((key) => key.slice(prefix.length))
  const reading = new Reading(org)
  const totals = new Map<string, Hash>()
  const top = new Map<string, number>()
  for (const name of names) {
    const [, period] = /^p(\d+):total$/.exec(name) ?? []
    if (period !== undefined) totals.set(period, await redis.hgetall(prefix + name))
    if (/^p\d+:top$/.test(name)) {
      const flat = await redis.zrange(prefix + name, 0, -1, 'WITHSCORES')
      for (let at = 0; at < flat.length; at += 2) top.set(`${name} ${flat[at] ?? ''}`, Number(flat[at + 1]))
    }
    if (/^(?:p\d+:(?:u:|fired)|d\d+:|resolved:)/.test(name)) {
      reading.take(name, await redis.hgetall(prefix + name))
    }
  }
  const leases = await redis.zrange(keys.leases(org), 0, -1)
  return reading.close(totals, top, leases)
}
