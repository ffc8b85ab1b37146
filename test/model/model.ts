/**
 * What the product rules (docs/rules.md) say, as a program that is as plain as it can be: one organization in memory, no
 * clock, no store, no batches. It was written from the rules alone and imports nothing of the gateway, so that what both
 * say is the rules twice. Amounts are whole microcredits.
 *
 * Where the rules leave a choice, the comment at the place says which one this is (docs/decisions/0018).
 */
export const SOURCES = ['chat', 'workflow', 'agent_deployment'] as const
export type Source = (typeof SOURCES)[number]
export type Role = 'admin' | 'member'
export type Recipients = 'all' | readonly string[]
export type AlertType = 'percentage' | 'absolute'

export interface AlertSettings {
  readonly type: AlertType
  /** Percent, or whole credits. */
  readonly threshold: number
  readonly recipients: Recipients
}

interface Alert extends AlertSettings {
  readonly version: number
}

export interface UserAlertSettings {
  readonly enabled: boolean
  /** Whole credits. */
  readonly threshold: number
  readonly recipients: Recipients
  readonly notifyUser: boolean
}

export interface LimitSettings {
  readonly enabled: boolean
  /** Microcredits. */
  readonly default: number
  readonly recipients: Recipients
  readonly exclude: { readonly workflow: boolean; readonly agent_deployment: boolean }
}

export interface OrgSettings {
  /** Microcredits. */
  allowance: number
  admission: 'strict' | 'straddle'
  autoEnroll: boolean
  maxMembers: number
}

export interface Call {
  readonly user: string
  readonly source: Source
  /** The name under which usage is kept. */
  readonly model: string
  readonly worstCase: number
  /** Null where nothing bounds the cost. */
  readonly strictWorstCase: number | null
  readonly promptPrice: number
  readonly mayEnroll: boolean
}

export type Outcome = 'reserved' | 'denied' | 'too_large' | 'busy' | 'unbounded' | 'unknown_user'

interface Hold extends Call {
  readonly period: number
  readonly amount: number
  state: 'open' | 'overdue' | 'resolved' | 'expired'
}

/** An event of rule N1: one per (period, rule, version, subject). */
export interface Crossing {
  readonly type: 'org.alert.crossed' | 'user.alert.crossed' | 'user.limit.reached'
  readonly period: number
  /** An alert's id; null for the two rules that an organization has once. */
  readonly alert: string | null
  /** The rule's version; null for the limit, whose version is its value, the mark (L4). */
  readonly version: number | null
  readonly user: string | null
  readonly mark: number
  readonly used: number
  /** Of the limit only. */
  readonly counted: number | null
}

export interface Standing {
  readonly used: number
  readonly counted: number
  readonly held: number
  readonly limit: number | null
}

/** One user's book in one period. */
interface UserBook {
  readonly used: Record<Source, number>
  readonly held: Record<Source, number>
  /** Charges by `source|model`. */
  readonly usage: Map<string, number>
}

interface PeriodBook {
  readonly users: Map<string, UserBook>
  /** What has fired here: `rule version subject`. */
  readonly fired: Set<string>
  /** Alerts that waited when the period ended, by id, and as they stood then. Null while the period is current. */
  waiting: Map<string, { version: number; mark: number }> | null
}

const CREDIT = 1_000_000

function bySource(): Record<Source, number> {
  return { chat: 0, workflow: 0, agent_deployment: 0 }
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}

export class Model {
  readonly settings: OrgSettings
  readonly members = new Map<string, Role>()
  readonly alerts = new Map<string, Alert>()
  readonly holds = new Map<string, Hold>()
  readonly customs = new Map<string, number | null>()
  readonly crossings: Crossing[] = []
  period = 1
  userAlerts: UserAlertSettings & { readonly version: number }
  limits: LimitSettings
  readonly #removed = new Set<string>()
  readonly #periods = new Map<number, PeriodBook>([[1, newPeriod()]])

  constructor(settings: OrgSettings, userAlerts: UserAlertSettings, limits: LimitSettings) {
    this.settings = { ...settings }
    this.userAlerts = { ...userAlerts, version: 1 }
    this.limits = limits
  }

  // --- calls ----------------------------------------------------------------------------------------------------------

  /** E1, after the question whether the user belongs here at all (A4, A5). An admitted call is known as `id`. */
  reserve(id: string, call: Call): Outcome {
    if (!this.#belongs(call)) return 'unknown_user'
    let outcome = this.#decide(call)
    if (outcome === 'busy' && this.#expireOverdue(call.user)) outcome = this.#decide(call)
    if (outcome === 'denied') this.#reachLimit(call.user, this.period)
    if (outcome === 'reserved') {
      const amount = this.required(call) ?? call.worstCase
      this.holds.set(id, { ...call, period: this.period, amount, state: 'open' })
      this.#book(this.period, call.user).held[call.source] += amount
    }
    return outcome
  }

  /** What the mode of admission requires; null where nothing bounds it. */
  required(call: Call): number | null {
    return this.settings.admission === 'strict' ? call.strictWorstCase : call.worstCase
  }

  #belongs({ user, mayEnroll }: Call): boolean {
    if (this.members.has(user)) return true
    const { autoEnroll, maxMembers } = this.settings
    if (!mayEnroll || !autoEnroll || this.#removed.has(user) || this.members.size >= maxMembers) return false
    this.members.set(user, 'member')
    return true
  }

  #decide(call: Call): Outcome {
    const { counted, held, limit } = this.standing(call.user)
    const required = this.required(call)
    if (required === 0 || limit === null || this.#isExcluded(call.source)) return 'reserved'
    const left = limit - counted
    if (left <= 0) return 'denied'
    // The rules do not say where a call without a bound stands among the others: it is a request that can never fit.
    if (required === null) return 'unbounded'
    if (this.settings.admission === 'straddle') return held >= left ? 'busy' : 'reserved'
    if (required > left) return 'too_large'
    return required > left - held ? 'busy' : 'reserved'
  }

  /** C3, C4: charged in full to the period of admission, once. C6: after an expiry, what is missing. */
  settle(id: string, cost: number, model: string): void {
    const hold = this.#hold(id)
    const { state } = hold
    if (state === 'resolved') return
    this.#release(hold, 'resolved')
    this.#charge(hold, state === 'expired' ? Math.max(0, cost - hold.promptPrice) : cost, model)
  }

  /**
   * C5: what was not served costs nothing, so what its expiry charged is given back; but for what an admin has refunded
   * since, for nobody's usage falls below zero (C8). Nobody reaches anything by it.
   */
  free(id: string): void {
    const hold = this.#hold(id)
    const { state, period, user, source } = hold
    if (state === 'resolved') return
    this.#release(hold, 'resolved')
    if (state !== 'expired') return
    const { used } = this.#book(period, user)
    this.#add(period, user, source, hold.model, -Math.min(hold.promptPrice, used[source]))
  }

  /** C6: the gateway that owned the hold does not renew it any more. */
  overdue(id: string): void {
    const hold = this.#hold(id)
    if (hold.state === 'open') hold.state = 'overdue'
  }

  /** C6: whatever is overdue is charged its prompt, and freed. */
  sweep(): void {
    for (const hold of this.holds.values()) if (hold.state === 'overdue') this.#expire(hold)
  }

  /** C6: the holds of a dead gateway block nobody for longer than their lease. */
  #expireOverdue(user: string): boolean {
    const due = [...this.holds.values()].filter(
      (hold) => hold.user === user && hold.period === this.period && hold.state === 'overdue',
    )
    for (const hold of due) this.#expire(hold)
    return due.length > 0
  }

  #expire(hold: Hold): void {
    this.#release(hold, 'expired')
    this.#charge(hold, hold.promptPrice, hold.model)
  }

  #release(hold: Hold, to: 'resolved' | 'expired'): void {
    if (hold.state !== 'expired') this.#book(hold.period, hold.user).held[hold.source] -= hold.amount
    hold.state = to
  }

  #charge({ period, user, source }: Hold, cost: number, model: string): void {
    this.#add(period, user, source, model, cost)
    // A call that cost nothing is no charge: nobody reaches anything by it.
    if (cost > 0) this.#crossAll(period, user, source)
  }

  /**
   * C8; `below_zero` is the 422. It is usage of a model named `adjustment`, where every sum finds it. Who was removed can
   * still be adjusted for what was used; a name that nobody knows gets no counters (A5).
   */
  adjust(user: string, source: Source, amount: number): 'adjusted' | 'below_zero' | 'unknown_user' {
    const book = this.#book(this.period, user)
    if (!this.members.has(user) && book.usage.size === 0) return 'unknown_user'
    if (book.used[source] + amount < 0) return 'below_zero'
    this.#add(this.period, user, source, 'adjustment', amount)
    if (amount > 0) this.#crossAll(this.period, user, source)
    return 'adjusted'
  }

  #add(period: number, user: string, source: Source, model: string, amount: number): void {
    const book = this.#book(period, user)
    book.used[source] += amount
    const name = `${source}|${model}`
    book.usage.set(name, (book.usage.get(name) ?? 0) + amount)
  }

  // --- what a charge crosses --------------------------------------------------------------------------------------------

  /** L9: one charge may fire all three kinds. */
  #crossAll(period: number, user: string, source: Source): void {
    this.#crossAlerts(period)
    this.#crossUserAlert(period, user)
    // L5: what is excluded does not count towards the limit, so nobody reaches it by that.
    if (!this.#isExcluded(source)) this.#reachLimit(user, period)
  }

  /** O4–O6: each alert whose mark is reached and that has not fired in this period, at this version. */
  #crossAlerts(period: number): void {
    const used = this.orgUsed(period)
    for (const [alert, { version, mark }] of this.#waiting(period)) {
      if (used < mark) continue
      this.#fire({ type: 'org.alert.crossed', period, alert, version, user: null, mark, used, counted: null })
    }
  }

  /** U2, U4: all of the user's usage, of every source. */
  #crossUserAlert(period: number, user: string): void {
    const { enabled, threshold, version } = this.userAlerts
    const used = sum(Object.values(this.#book(period, user).used))
    const mark = threshold * CREDIT
    if (!enabled || used < mark) return
    this.#fire({ type: 'user.alert.crossed', period, alert: null, version, user, mark, used, counted: null })
  }

  /** L4: once per user, period and value of the limit. */
  #reachLimit(user: string, period: number): void {
    const { used, counted, limit } = this.standing(user, period)
    if (limit === null || counted < limit) return
    this.#fire({
      type: 'user.limit.reached',
      period,
      alert: null,
      version: null,
      user,
      mark: limit,
      used,
      counted,
    })
  }

  #fire(crossing: Crossing): void {
    const { type, period, alert, version, user, mark } = crossing
    const { fired } = this.#periodBook(period)
    const name = [type, alert ?? '', version ?? mark, user ?? ''].join(' ')
    if (fired.has(name)) return
    fired.add(name)
    this.crossings.push(crossing)
  }

  /** Alerts and their marks in a period. One that has ended keeps those that waited at its end; a deleted one never fires. */
  #waiting(period: number): Map<string, { version: number; mark: number }> {
    const { waiting } = this.#periodBook(period)
    if (waiting !== null) return new Map([...waiting].filter(([id]) => this.alerts.has(id)))
    const marks = new Map<string, { version: number; mark: number }>()
    for (const [id, alert] of this.alerts) {
      const mark = this.markOf(alert)
      if (mark !== null) marks.set(id, { version: alert.version, mark })
    }
    return marks
  }

  /** O2: in microcredits; null for a percentage of nothing, which does not fire. */
  markOf({ type, threshold }: AlertSettings): number | null {
    if (type === 'absolute') return threshold * CREDIT
    return this.settings.allowance === 0 ? null : (this.settings.allowance / 100) * threshold
  }

  // --- edits ------------------------------------------------------------------------------------------------------------

  /** O9. */
  createAlert(id: string, settings: AlertSettings): 'saved' | 'not_admin' {
    if (!this.#mayBeTold(settings.recipients)) return 'not_admin'
    this.alerts.set(id, { ...settings, version: 1 })
    this.#crossAlerts(this.period)
    return 'saved'
  }

  /** O8: the threshold or its type arm the alert again, the recipients nothing. */
  changeAlert(id: string, changes: Partial<AlertSettings>): 'saved' | 'not_admin' {
    const before = this.alerts.get(id)
    if (before === undefined) throw new Error(`no alert ${id}`)
    const after = { ...before, ...changes }
    // Whatever is edited, the alert is saved with its recipients, and O7 asks of each to be an admin then.
    if (!this.#mayBeTold(after.recipients)) return 'not_admin'
    const isArmed = after.type !== before.type || after.threshold !== before.threshold
    this.alerts.set(id, { ...after, version: before.version + (isArmed ? 1 : 0) })
    if (isArmed) this.#crossAlerts(this.period)
    return 'saved'
  }

  /** In this period, as it stands now. */
  hasFired(id: string): boolean {
    const version = this.alerts.get(id)?.version
    return this.crossings.some(
      (crossing) => crossing.alert === id && crossing.version === version && crossing.period === this.period,
    )
  }

  deleteAlert(id: string): void {
    this.alerts.delete(id)
  }

  /** O3: an unfired alert whose mark now lies behind fires at once. */
  setAllowance(allowance: number): void {
    this.settings.allowance = allowance
    this.#crossAlerts(this.period)
  }

  setAdmission(admission: OrgSettings['admission']): void {
    this.settings.admission = admission
  }

  /** U4: a new threshold arms it for every user, and fires at the next charge of each; switching arms nothing. */
  setUserAlerts(settings: UserAlertSettings): 'saved' | 'not_admin' {
    if (!this.#mayBeTold(settings.recipients)) return 'not_admin'
    const { threshold, version } = this.userAlerts
    this.userAlerts = { ...settings, version: version + (settings.threshold === threshold ? 0 : 1) }
    return 'saved'
  }

  setLimits(settings: LimitSettings): 'saved' | 'not_admin' {
    if (!this.#mayBeTold(settings.recipients)) return 'not_admin'
    this.limits = settings
    return 'saved'
  }

  /** L2; null is unlimited. */
  putCustomLimit(user: string, limit: number | null): 'saved' | 'no_member' {
    if (!this.members.has(user)) return 'no_member'
    this.customs.set(user, limit)
    return 'saved'
  }

  deleteCustomLimit(user: string): boolean {
    return this.customs.delete(user)
  }

  putMember(user: string, role: Role, byOperator: boolean): 'created' | 'replaced' | 'last_admin' {
    const before = this.members.get(user)
    if (role !== 'admin' && !byOperator && this.#isLastAdmin(user)) return 'last_admin'
    this.members.set(user, role)
    this.#removed.delete(user)
    return before === undefined ? 'created' : 'replaced'
  }

  /** A4: usage stays. So does a custom limit: who is added again goes on as before. */
  removeMember(user: string, byOperator: boolean): 'removed' | 'no_member' | 'last_admin' {
    if (!this.members.has(user)) return 'no_member'
    if (!byOperator && this.#isLastAdmin(user)) return 'last_admin'
    this.members.delete(user)
    this.#removed.add(user)
    return 'removed'
  }

  /** A1. */
  #isLastAdmin(user: string): boolean {
    const admins = this.#admins()
    return admins.length === 1 && admins[0] === user
  }

  /** P2, P3: every count starts at zero; the old period stays open for what was admitted in it. */
  rollover(): void {
    const ended = this.#periodBook(this.period)
    ended.waiting = this.#waiting(this.period)
    this.period += 1
    this.#periods.set(this.period, newPeriod())
  }

  // --- what can be asked ------------------------------------------------------------------------------------------------

  /** E4, L1, L2, L5, L6. */
  standing(user: string, period = this.period): Standing {
    const { used, held } = this.#book(period, user)
    const counts = SOURCES.filter((source) => !this.#isExcluded(source))
    return {
      used: sum(Object.values(used)),
      counted: sum(counts.map((source) => used[source])),
      held: sum(counts.map((source) => held[source])),
      limit: this.#limitOf(user),
    }
  }

  /** Used and held of a user by source, and charges by `source|model`, in a period. */
  bookOf(user: string, period = this.period): Readonly<UserBook> {
    return this.#book(period, user)
  }

  users(period = this.period): string[] {
    return [...this.#periodBook(period).users.keys()]
  }

  orgUsed(period = this.period): number {
    return sum(this.users(period).map((user) => sum(Object.values(this.#book(period, user).used))))
  }

  orgHeld(period = this.period): number {
    return sum(this.users(period).map((user) => sum(Object.values(this.#book(period, user).held))))
  }

  /** Charges by `source|model` of the whole organization, over all periods. */
  usage(): Map<string, number> {
    const total = new Map<string, number>()
    for (const period of this.#periods.keys()) {
      for (const user of this.users(period)) {
        for (const [name, amount] of this.#book(period, user).usage) {
          total.set(name, (total.get(name) ?? 0) + amount)
        }
      }
    }
    return total
  }

  /** L7: members at or past their limit. */
  exceeding(): string[] {
    return [...this.members.keys()].filter((user) => {
      const { counted, limit } = this.standing(user)
      return limit !== null && counted >= limit
    })
  }

  /** O7, U3, L4: whoever is an admin when it is delivered; nobody for an alert that was deleted. */
  recipientsOf({ type, alert, user }: Crossing): string[] {
    if (type === 'org.alert.crossed') {
      const rule = this.alerts.get(alert ?? '')
      return rule === undefined ? [] : this.#told(rule.recipients)
    }
    if (type === 'user.limit.reached') return this.#told(this.limits.recipients)
    const told = new Set(this.#told(this.userAlerts.recipients))
    if (this.userAlerts.notifyUser && user !== null && this.members.has(user)) told.add(user)
    return [...told].sort()
  }

  #told(recipients: Recipients): string[] {
    const admins = this.#admins()
    return admins.filter((user) => recipients === 'all' || recipients.includes(user)).sort()
  }

  #mayBeTold(recipients: Recipients): boolean {
    return recipients === 'all' || recipients.every((user) => this.members.get(user) === 'admin')
  }

  #admins(): string[] {
    return [...this.members].filter(([, role]) => role === 'admin').map(([user]) => user)
  }

  #limitOf(user: string): number | null {
    if (!this.limits.enabled) return null
    const custom = this.customs.get(user)
    return custom === undefined ? this.limits.default : custom
  }

  #isExcluded(source: Source): boolean {
    return source !== 'chat' && this.limits.exclude[source]
  }

  #hold(id: string): Hold {
    const hold = this.holds.get(id)
    if (hold === undefined) throw new Error(`no hold ${id}`)
    return hold
  }

  #periodBook(period: number): PeriodBook {
    const book = this.#periods.get(period)
    if (book === undefined) throw new Error(`no period ${period}`)
    return book
  }

  #book(period: number, user: string): UserBook {
    const { users } = this.#periodBook(period)
    let book = users.get(user)
    if (book === undefined) {
      book = { used: bySource(), held: bySource(), usage: new Map() }
      users.set(user, book)
    }
    return book
  }
}

function newPeriod(): PeriodBook {
  return { users: new Map(), fired: new Set(), waiting: null }
}
