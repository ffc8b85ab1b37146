import type { Day } from '../core/units.ts'
import { KeyGroup } from './batch.ts'
import { bucketOf } from './hold-ids.ts'
import * as keys from './keys.ts'

const DAY_LIFE_MS = 396 * 86_400_000

/** The KEYS and leading ARGV that settle and expire share (lua/include/accounts.lua), filled call by call. */
export class AccountKeys {
  readonly #userIds: string[] = []
  readonly #users = new KeyGroup()
  readonly #days = new KeyGroup()
  readonly #userDays = new KeyGroup()
  readonly #buckets = new KeyGroup()
  readonly #org: string
  readonly #periodNo: number
  readonly #userDayLifeMs: number

  constructor(org: string, periodNo: number, userDayLifeMs: number) {
    this.#userDayLifeMs = userDayLifeMs
    this.#org = org
    this.#periodNo = periodNo
  }

  /** Places of a hold's user, day, user's day and resolved hash. */
  places(user: string, day: Day, holdId: string): [number, number, number, number] {
    const [ofUser, ofDay, ofUserDay] = this.account(user, day)
    const bucket = bucketOf(holdId)
    return [ofUser, ofDay, ofUserDay, this.#buckets.place(bucket, () => keys.resolved(this.#org, bucket))]
  }

  /** Places of a user, day and user's day: what usage without a hold touches. */
  account(user: string, day: Day): [number, number, number] {
    const org = this.#org
    return [
      this.#users.place(user, () => {
        this.#userIds.push(user)
        return keys.user(org, this.#periodNo, user)
      }),
      this.#days.place(day, () => keys.day(org, day)),
      this.#userDays.place(`${day} ${user}`, () => keys.userDay(org, day, user)),
    ]
  }

  keyList(): string[] {
    const org = this.#org
    const no = this.#periodNo
    return [
      keys.org(org),
      keys.customLimits(org),
      keys.total(org, no),
      keys.armed(org, no),
      keys.fired(org, no),
      keys.top(org, no),
      keys.leases(org),
      keys.outbox(org),
      keys.alerts(org),
      ...this.#users.keys,
      ...this.#days.keys,
      ...this.#userDays.keys,
      ...this.#buckets.keys,
    ]
  }

  args(expireAt: number): (string | number)[] {
    const groups = [this.#users, this.#days, this.#userDays, this.#buckets]
    return [
      this.#periodNo,
      expireAt,
      DAY_LIFE_MS,
      this.#userDayLifeMs,
      ...groups.map((group) => group.keys.length),
      ...this.#userIds,
    ]
  }
}
