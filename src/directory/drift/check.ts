/**
 * Checks whether an organization's counters match its usage by day and its open holds (decision 0037). One run of a
 * script checks and repairs each user, so calls in flight cannot distort the result. Each batch has only a few users,
 * so that no other command waits long for the store.
 */
import type { Microcredits } from '../../core/units.ts'
import { storeCall, type RedisClient } from '../../store/connection.ts'
import { changeArgs, type Change } from '../../store/changes.ts'
import type { OpenPeriod } from '../configure.ts'
import * as keys from '../../store/keys.ts'
import { amountOf } from '../../ledger/replies.ts'
import { scanned } from '../../store/scanning.ts'
import { runScript } from '../../store/scripts.ts'
import { readStoreTime } from '../../store/clock.ts'
import { readFrame, type Frame } from './frame.ts'

/** The stored value and the expected one. */
export interface Difference {
  /** Null for the organization's own counters. */
  readonly user: string | null
  /** `used:<source>`, `held:<source>`, `usage:<source>|<model>` or `index`; for the organization `used` or `held`. */
  readonly counter: string
  readonly stored: Microcredits
  readonly recomputed: Microcredits
}

export interface DriftReport {
  readonly checkedUsers: number
  readonly differences: readonly Difference[]
  /** How many differences were repaired. */
  readonly repaired: number
  /** False if too many calls were in flight, so that the organization's own `held` was not checked. */
  readonly isComplete: boolean
}

/** Called with the number of checked users and the sum of all differences, repaired or not. */
export type OnDrift = (checkedUsers: number, difference: Microcredits) => void

export interface DriftStore {
  readonly redis: RedisClient
  readonly openPeriod: OpenPeriod
  readonly onDrift?: OnDrift
}

/** Makes the audit log entry of a repair; null only checks. */
export type Repair = ((target: string) => Change) | null

export interface DriftDirectory {
  /**
   * Checks every user of the organization, and its own counters; null if there is no such organization. Rejects if the
   * store fails.
   */
  checkDrift(org: string, repair: Repair): Promise<DriftReport | null>
}

/** Concurrent runs of the script; each takes some 100 µs of the store's time. */
const AT_ONCE = 8
const SCAN_COUNT = 200
/**
 * The most users whose holds the store adds up in one run. If more users have holds, the organization's sum is not
 * checked.
 */
const MOST_HOLDERS = 1_000
/** A day or a period may end between two attempts, and the users with holds change with every call. */
const ATTEMPTS = 10

export function createDriftDirectory(store: DriftStore): DriftDirectory {
  return { checkDrift: (org, repair) => storeCall(() => checkAll(store, org, repair)) }
}

async function checkAll(store: DriftStore, org: string, repair: Repair): Promise<DriftReport | null> {
  const check = await DriftCheck.begin(store, org, repair)
  if (check === null) return null
  for await (const users of usersOf(store.redis, check.frame)) await check.users(users)
  await check.totals({ held: true })
  return check.report()
}

/** All users who may have counters in the period: members, users with usage, users with holds. Each may come twice. */
async function* usersOf(redis: RedisClient, { org, periodNo }: Frame): AsyncGenerator<readonly string[]> {
  const [members, top] = [keys.members(org), keys.top(org, periodNo)]
  for await (const flat of scanned((cursor) => redis.hscan(members, cursor, 'COUNT', SCAN_COUNT)))
    yield flat.filter((_, at) => at % 2 === 0)
  for await (const flat of scanned((cursor) => redis.zscan(top, cursor, 'COUNT', SCAN_COUNT)))
    yield flat.filter((_, at) => at % 2 === 0)
  const leases = await redis.zrange(keys.leases(org), 0, -1)
  yield leases.map((lease) => lease.split(' ')[3] ?? '')
}

/** One running check of one organization. */
export class DriftCheck {
  readonly #store: DriftStore
  readonly #repair: Repair
  #frame: Frame
  readonly #seen = new Set<string>()
  readonly #holders = new Set<string>()
  readonly #differences: Difference[] = []
  #repaired = 0
  #isComplete = true

  private constructor(store: DriftStore, frame: Frame, repair: Repair) {
    this.#store = store
    this.#frame = frame
    this.#repair = repair
  }

  /** Null if there is no such organization. */
  static async begin(store: DriftStore, org: string, repair: Repair): Promise<DriftCheck | null> {
    const frame = await readFrame(store.redis, org)
    return frame === null ? null : new DriftCheck(store, frame, repair)
  }

  get frame(): Frame {
    return this.#frame
  }

  /** Checks those of the users that were not checked yet. */
  async users(users: readonly string[]): Promise<void> {
    const fresh = [...new Set(users)].filter((user) => !this.#seen.has(user))
    for (let at = 0; at < fresh.length; at += AT_ONCE) {
      await Promise.all(fresh.slice(at, at + AT_ONCE).map((user) => this.#user(user)))
    }
  }

  /**
   * Checks the organization's own counters. It comes after the users, because it needs the list of those with holds.
   * `held` is not checked if too many users have holds, or get some between two attempts, to add them up at one
   * instant.
   */
  async totals({ held }: { readonly held: boolean }): Promise<void> {
    for (let attempt = 1; held && this.#holders.size <= MOST_HOLDERS && attempt <= ATTEMPTS; attempt += 1) {
      const reply = await this.#totals([...this.#holders])
      if (reply[0] === 'unknown') for (const user of reply.slice(1)) this.#holders.add(user)
      else {
        this.#take(null, reply.slice(1), reply[0] === 'repaired')
        return
      }
    }
    this.#isComplete = false
    const reply = await this.#totals(null)
    this.#take(null, reply.slice(1), reply[0] === 'repaired')
  }

  /** With null for `holders`, `held` is not checked. */
  async #totals(holders: readonly string[] | null): Promise<readonly string[]> {
    const { redis } = this.#store
    return this.#run(({ org, periodNo, dayEnd, days }) => {
      const users = holders ?? []
      return runScript(redis, 'check-totals', {
        keys: {
          org: keys.org(org),
          total: keys.total(org, periodNo),
          leases: keys.leases(org),
          audit: keys.audit(org),
        },
        keyLists: {
          days: days.map((day) => keys.day(org, day)),
          users: users.map((user) => keys.user(org, periodNo, user)),
        },
        args: {
          period_no: periodNo,
          day_end_ms: dayEnd,
          repair: this.#repair === null ? '' : '1',
          looks_at_held: holders === null ? '' : '1',
          ...this.#change(org),
        },
        lists: { user_ids: users },
      })
    })
  }

  report(): DriftReport {
    const differences = this.#differences
    const drift = differences.reduce((sum, { stored, recomputed }) => sum + Math.abs(stored - recomputed), 0)
    this.#store.onDrift?.(this.#seen.size, drift as Microcredits)
    const [checkedUsers, repaired, isComplete] = [this.#seen.size, this.#repaired, this.#isComplete]
    return { checkedUsers, differences, repaired, isComplete }
  }

  async #user(user: string): Promise<void> {
    const { redis } = this.#store
    this.#seen.add(user)
    const reply = await this.#run(({ org, periodNo, dayEnd, lifeEnd, userDays }) =>
      runScript(redis, 'check-user', {
        keys: {
          org: keys.org(org),
          user: keys.user(org, periodNo, user),
          top: keys.top(org, periodNo),
          audit: keys.audit(org),
        },
        keyLists: { user_days: userDays.map((day) => keys.userDay(org, day, user)) },
        args: {
          period_no: periodNo,
          day_end_ms: dayEnd,
          user_life_end_ms: lifeEnd,
          repair: this.#repair === null ? '' : '1',
          user,
          ...this.#change(user),
        },
      }),
    )
    if (Number(reply[1]) > 0) this.#holders.add(user)
    this.#take(user, reply.slice(2), reply[0] === 'repaired')
  }

  #change(target: string) {
    return changeArgs(
      this.#repair?.(target) ?? { actor: '', action: 'org.repair', target, before: null, after: null },
    )
  }

  #take(user: string | null, flat: readonly string[], isRepaired: boolean): void {
    for (let at = 0; at + 2 < flat.length; at += 3) {
      const [counter = '', stored, recomputed] = flat.slice(at, at + 3)
      const amounts = { stored: amountOf(stored), recomputed: amountOf(recomputed) }
      this.#differences.push({ user, counter, ...amounts })
      if (isRepaired) this.#repaired += 1
    }
  }

  /** Runs the script again if the period or the day has ended. */
  async #run(ask: (frame: Frame) => Promise<unknown>): Promise<readonly string[]> {
    const { redis, openPeriod } = this.#store
    const { org } = this.#frame
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const reply = (await ask(this.#frame)) as readonly string[]
      if (reply[0] !== 'stale') return reply[0] === 'no_org' ? [] : reply
      await openPeriod(org, await readStoreTime(redis))
      this.#frame = (await readFrame(redis, org)) ?? this.#frame
    }
    throw new Error(`the counters of ${org} cannot be checked: its day keeps ending`)
  }
}
