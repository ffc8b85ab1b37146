/**
 * The gateway's side of the model-based test: two gateways' ledgers and the directory on a real Redis, one organization,
 * asked and read in the words of the model.
 */
import { randomUUID } from 'node:crypto'
import type { Hold } from '../../src/core/hold.ts'
import { dayAt } from '../../src/core/period.ts'
import { wholeCredits, type Microcredits, type UnixMs } from '../../src/core/units.ts'
import type { RedisClient } from '../../src/store/connection.ts'
import { createDirectory, type Directory } from '../../src/directory/directory.ts'
import * as keys from '../../src/store/keys.ts'
import type { ReserveResult } from '../../src/ledger/ledger.ts'
import type { RedisLedger } from '../../src/ledger/redis-ledger.ts'
import { readAudience, recipientsOf } from '../../src/notifications/recipients.ts'
import { CHANGE, changeOrg, deleteOrg, saveOf, setUserLimits } from '../support/changes.ts'
import { endLease, openClient, openLedger } from '../support/ledger.ts'
import {
  SOURCES,
  type AlertSettings,
  type Call,
  type Crossing,
  type LimitSettings,
  type OrgSettings,
  type Source,
  type Standing,
  type UserAlertSettings,
} from './model.ts'

/** Longer than any run, so that no timer of a ledger renews or sweeps in between: a step says when that happens. */
const LEASE_MS = 86_400_000
export const GATEWAYS = 2

/** What the store says of one user in one period. */
export interface StoredBook {
  readonly used: Record<string, number>
  readonly held: Record<string, number>
  readonly usage: ReadonlyMap<string, number>
  /** Amounts of the open holds. */
  readonly open: readonly number[]
}

export interface StoredTotals {
  readonly used: number
  readonly held: number
}

/** What all sequences of one worker share: a database of its own on the server, so that nobody else's sweep is met. */
export interface Bench {
  readonly redis: RedisClient
  readonly ledgers: readonly RedisLedger[]
  readonly directory: Directory
  close(): void
}

export async function openBench(url: string, database: number): Promise<Bench> {
  const redis = await openClient({ url: `${url}/${database}` })
  const clients = [redis]
  const ledgers: RedisLedger[] = []
  for (let gateway = 0; gateway < GATEWAYS; gateway += 1) {
    const client = await openClient({ url: `${url}/${database}` })
    clients.push(client)
    ledgers.push(await openLedger(client, { leaseMs: LEASE_MS }))
  }
  const first = ledgers[0]
  if (first === undefined) throw new Error('no gateway')
  return {
    redis,
    ledgers,
    directory: createDirectory({ redis, openPeriod: (org, now) => first.openPeriod(org, now) }),
    close() {
      for (const ledger of ledgers) ledger.close()
      for (const client of clients) client.disconnect()
    },
  }
}

export class System {
  readonly org: string
  readonly directory: Directory
  /** What was done so far, for who reads a failure. */
  readonly history: string[] = []
  readonly #redis: RedisClient
  readonly #ledgers: readonly RedisLedger[]
  readonly #holds = new Map<string, Hold>()
  readonly #startedAt = Date.now()
  #lastCrossing = '-'

  constructor(bench: Bench) {
    this.org = `o-${randomUUID()}`
    this.#redis = bench.redis
    this.#ledgers = bench.ledgers
    this.directory = bench.directory
  }

  async create(settings: OrgSettings): Promise<void> {
    const billing = { every: 'month', anchor: 1, timezone: 'UTC' } as const
    const { allowance, ...rest } = settings
    await this.directory.createOrg(
      this.org,
      {
        name: 'Acme',
        billing,
        allowance: allowance as Microcredits,
        ...rest,
      },
      CHANGE,
    )
  }

  async remove(): Promise<void> {
    await deleteOrg(this.directory, this.org)
  }

  // --- calls ------------------------------------------------------------------------------------------------------------

  /** In one turn of the event loop, so that all of them share a batch and are decided in their order. */
  async reserve(gateway: number, calls: readonly { id: string; call: Call }[]): Promise<ReserveResult[]> {
    const ledger = this.#ledger(gateway)
    const results = await Promise.all(
      calls.map(({ call }) =>
        ledger.reserve({
          ...call,
          org: this.org,
          worstCase: call.worstCase as Microcredits,
          strictWorstCase: call.strictWorstCase as Microcredits | null,
          promptPrice: call.promptPrice as Microcredits,
        }),
      ),
    )
    results.forEach((result, index) => {
      const id = calls[index]?.id
      if (result.status === 'reserved' && id !== undefined) this.#holds.set(id, result.hold)
    })
    return results
  }

  async settle(
    gateway: number,
    charges: readonly { id: string; cost: number; model: string }[],
  ): Promise<void> {
    const ledger = this.#ledger(gateway)
    for (const { id, cost, model } of charges) {
      ledger.settle(this.#hold(id), { cost: cost as Microcredits, model, inputTokens: 3, outputTokens: 2 })
    }
    await this.#drained(ledger)
  }

  async free(gateway: number, id: string): Promise<void> {
    const ledger = this.#ledger(gateway)
    ledger.free(this.#hold(id))
    await this.#drained(ledger)
  }

  async #drained(ledger: RedisLedger): Promise<void> {
    if (!(await ledger.drained(5_000))) throw new Error('settles are stuck')
  }

  /** Puts the end of the hold's lease into the past, as if its gateway had been dead for that long. */
  async overdue(id: string): Promise<void> {
    const hold = this.#hold(id)
    await endLease(this.#redis, hold)
    await this.#redis.hset(keys.user(this.org, hold.periodNo, hold.user), 'sweep_at', '1')
  }

  sweep(gateway: number): Promise<void> {
    return this.#ledger(gateway).sweep()
  }

  standing(gateway: number, user: string): Promise<Standing | null> {
    return this.#ledger(gateway).standing(this.org, user)
  }

  /**
   * Ends the period: its last instant is put into the past, by more than a gateway's idea of the store's clock can be wrong.
   * Nobody is told: whoever comes next has to notice.
   */
  async endPeriod(): Promise<void> {
    await this.#redis.hset(keys.org(this.org), 'period_end', String(Date.now() - 1_000))
  }

  /** The period that was opened last; its end may have passed since. */
  async openedPeriod(): Promise<number> {
    return Number(await this.#redis.hget(keys.org(this.org), 'period_no'))
  }

  setLimits(limits: LimitSettings): Promise<string> {
    const explanation = { text: null, contact: null, hideAmounts: false }
    const whole = { ...limits, default: limits.default as Microcredits, explanation }
    return setUserLimits(this.directory, this.org, whole)
  }

  async setAllowance(allowance: number): Promise<string> {
    return (await changeOrg(this.directory, this.org, { allowance: allowance as Microcredits })).status
  }

  async createAlert(alert: AlertSettings): Promise<{ status: string; id: string }> {
    const result = await this.directory.createAlert(this.org, alert, () => CHANGE)
    return { status: result.status, id: 'id' in result ? result.id : '' }
  }

  async changeAlert(id: string, changes: Partial<AlertSettings>): Promise<string> {
    const before = await this.directory.getAlert(this.org, id)
    if (before === null) throw new Error(`the gateway knows no alert ${id}`)
    const { type, threshold, recipients } = before
    const after = { type, threshold, recipients, ...changes }
    return (await this.directory.changeAlert(this.org, before, after, CHANGE)).status
  }

  async deleteAlert(id: string): Promise<string> {
    const before = await this.directory.getAlert(this.org, id)
    return this.directory.deleteAlert(this.org, id, saveOf(before?.tag))
  }

  /** Alerts by id, with their mark and whether they have fired in this period. */
  async alerts(): Promise<{ id: string; mark: number | null; hasFired: boolean }[]> {
    const page = await this.directory.listAlerts(this.org, { limit: 1_000, after: null })
    return (page?.items ?? []).map(({ id, mark, firedAt }) => ({ id, mark, hasFired: firedAt !== null }))
  }

  async setUserAlerts(settings: UserAlertSettings): Promise<string> {
    const before = await this.directory.getUserAlerts(this.org)
    if (before === null) throw new Error('the organization is gone')
    const after = { ...settings, threshold: wholeCredits(settings.threshold) }
    return (await this.directory.setUserAlerts(this.org, before, after, CHANGE)).status
  }

  async adjust(user: string, source: Source, amount: number): Promise<string> {
    const adjustment = { user, source, amount, reason: 'the model says so' }
    return (await this.directory.adjust(this.org, adjustment, null, () => CHANGE)).status
  }

  /** Who would be told of a crossing if it were delivered now. */
  async recipients({ type, alert, user }: Crossing): Promise<string[]> {
    const crossing = { type, org: this.org, ...(alert !== null && { alert }), ...(user !== null && { user }) }
    const audience = await readAudience(this.#redis, { ...UNUSED, ...crossing })
    if (audience === null) throw new Error('the organization is gone')
    return (await recipientsOf(this.#redis, this.org, audience)).map((member) => member.user)
  }

  // --- what the store says ------------------------------------------------------------------------------------------------

  async book(user: string, period: number): Promise<StoredBook> {
    const hash = await this.#redis.hgetall(keys.user(this.org, period, user))
    const book = { used: {} as Record<string, number>, held: {} as Record<string, number> }
    for (const source of SOURCES) {
      book.used[source] = Number(hash[`used:${source}`] ?? 0)
      book.held[source] = Number(hash[`held:${source}`] ?? 0)
    }
    const fields = Object.entries(hash)
    const usage = new Map(
      fields.flatMap(([field, value]) => (field.startsWith('m:') ? [[field.slice(2), first(value)]] : [])),
    )
    return {
      ...book,
      usage,
      open: fields.flatMap(([field, value]) => (field.startsWith('o:') ? [first(value)] : [])),
    }
  }

  async totals(period: number): Promise<StoredTotals> {
    const [used, held] = await this.#redis.hmget(keys.total(this.org, period), 'used', 'held')
    return { used: Number(used ?? 0), held: Number(held ?? 0) }
  }

  /** The index of users by use. */
  async top(period: number): Promise<Map<string, number>> {
    const flat = await this.#redis.zrange(keys.top(this.org, period), 0, -1, 'WITHSCORES')
    return new Map(flat.flatMap((user, at) => (at % 2 === 0 ? [[user, Number(flat[at + 1])]] : [])))
  }

  /** Charges by `source|model`, over all days of the sequence: mostly one, at midnight two. */
  async days(): Promise<Map<string, number>> {
    const total = new Map<string, number>()
    const ends = [this.#startedAt, Date.now()].map((at) => dayAt('UTC', at as UnixMs).day)
    for (const day of new Set(ends)) {
      for (const [name, value] of Object.entries(await this.#redis.hgetall(keys.day(this.org, day)))) {
        total.set(name, (total.get(name) ?? 0) + first(value))
      }
    }
    return total
  }

  leases(): Promise<number> {
    return this.#redis.zcard(keys.leases(this.org))
  }

  /** Crossings since the last look. */
  async crossings(): Promise<Crossing[]> {
    const from = this.#lastCrossing === '-' ? '-' : `(${this.#lastCrossing}`
    const found = await this.#redis.xrange(keys.outbox(this.org), from, '+')
    this.#lastCrossing = found.at(-1)?.[0] ?? this.#lastCrossing
    return found.map(([, flat]) => crossingOf(flat))
  }

  async exceeding(): Promise<string[]> {
    const query = { exceeding: true, q: null, limit: 100, after: null }
    const page = await this.directory.listUsersByUse(this.org, query)
    return (page?.items ?? []).map(({ user }) => user)
  }

  #ledger(gateway: number): RedisLedger {
    const ledger = this.#ledgers[gateway % this.#ledgers.length]
    if (ledger === undefined) throw new Error('no gateway')
    return ledger
  }

  #hold(id: string): Hold {
    const hold = this.#holds.get(id)
    if (hold === undefined) throw new Error(`the gateway knows no hold ${id}`)
    return hold
  }
}

/** The amount that a text such as `500000 1 3 2` begins with. */
function first(text: string): number {
  return Number(text.split(' ')[0])
}

function crossingOf(flat: readonly string[]): Crossing {
  const field = new Map<string, string>()
  for (let at = 0; at + 1 < flat.length; at += 2) field.set(flat[at] ?? '', flat[at + 1] ?? '')
  const type = field.get('type') as Crossing['type']
  const isLimit = type === 'user.limit.reached'
  return {
    type,
    period: Number(field.get('period_no')),
    alert: field.get('alert') ?? null,
    version: isLimit ? null : Number(field.get('version')),
    user: field.get('user') ?? null,
    mark: Number(field.get('mark')),
    used: Number(field.get('used')),
    counted: isLimit ? Number(field.get('counted')) : null,
  }
}

/** What does not matter to who is told. */
const UNUSED = {
  id: '',
  threshold: 0,
  mark: 0,
  version: 0,
  used: 0,
  period: { start: '', end: '' },
  occurredAt: '',
}

export const CREDIT = wholeCredits(1)
