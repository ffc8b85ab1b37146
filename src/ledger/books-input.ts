/** The input shared by the scripts that open an organization's books (lua/include/books.lua), filled call by call. */
import type { Charge } from '../core/hold.ts'
import type { Day } from '../core/units.ts'
import { bucketOf } from './hold-ids.ts'
import { KeyGroup } from './key-group.ts'
import * as keys from '../store/keys.ts'
import { DAY_LIFE_MS } from '../store/lifetimes.ts'

/** The fields of an item that describe what a call cost. */
export function chargeItem({ model, cost, inputTokens, outputTokens }: Charge) {
  return { model, cost, input_tokens: inputTokens, output_tokens: outputTokens }
}

export class BooksInput {
  readonly #users: KeyGroup<string>
  readonly #days: KeyGroup<Day>
  readonly #userDays: KeyGroup<string>
  readonly #buckets: KeyGroup<number>
  readonly #org: string
  readonly #periodNo: number
  readonly #userDayLifeMs: number

  constructor(org: string, periodNo: number, userDayLifeMs: number) {
    this.#org = org
    this.#periodNo = periodNo
    this.#userDayLifeMs = userDayLifeMs
    this.#users = new KeyGroup((user) => keys.user(org, periodNo, user))
    this.#days = new KeyGroup((day) => keys.day(org, day))
    // A day is always eight digits, so the user starts after the space.
    this.#userDays = new KeyGroup((name) => keys.userDay(org, name.slice(0, 8) as Day, name.slice(9)))
    this.#buckets = new KeyGroup((bucket) => keys.resolved(org, bucket))
  }

  /** The hold's id, and the positions of the keys of its user, day, user's day and bucket. */
  hold(id: string, user: string, day: Day) {
    return { hold_id: id, ...this.usage(user, day), bucket: this.#buckets.place(bucketOf(id)) }
  }

  /** The positions of the keys of a user, day and user's day: those that usage without a hold touches. */
  usage(user: string, day: Day) {
    return {
      user: this.#users.place(user),
      day: this.#days.place(day),
      user_day: this.#userDays.place(`${day} ${user}`),
    }
  }

  keys() {
    const org = this.#org
    const no = this.#periodNo
    return {
      org: keys.org(org),
      custom_limits: keys.customLimits(org),
      total: keys.total(org, no),
      armed: keys.armed(org, no),
      fired: keys.fired(org, no),
      top: keys.top(org, no),
      leases: keys.leases(org),
      outbox: keys.outbox(org),
      alerts: keys.alerts(org),
    }
  }

  keyLists() {
    return {
      users: this.#users.keys,
      days: this.#days.keys,
      user_days: this.#userDays.keys,
      buckets: this.#buckets.keys,
    }
  }

  /** `lifeEndMs` is when user hashes that a charge creates expire (Unix ms). */
  args(lifeEndMs: number) {
    return {
      period_no: this.#periodNo,
      user_life_end_ms: lifeEndMs,
      day_life_ms: DAY_LIFE_MS,
      user_day_life_ms: this.#userDayLifeMs,
    }
  }

  lists() {
    return { user_ids: this.#users.names }
  }

  /** The complete input of a script that takes nothing else but its items. */
  input<Item>(lifeEndMs: number, items: readonly Item[]) {
    return {
      keys: this.keys(),
      keyLists: this.keyLists(),
      args: this.args(lifeEndMs),
      lists: this.lists(),
      items,
    }
  }
}
