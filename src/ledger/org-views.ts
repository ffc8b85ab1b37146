/**
 * This gateway's cached view of an organization: its open period, its day, its limits and the texts of its refusals. A
 * view is used only to build keys and texts. The scripts compare its period and day with the organization's hash and
 * return `stale` if they have ended.
 */
import { dayWithin, periodAfter, periodAt } from '../core/period.ts'
import type { BillingPeriod, BillingSchedule, UserLimits } from '../core/policy.ts'
import type { Day, UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { decodeOrg, readOrgHash, type OrgHash } from '../store/org-record.ts'
import { runScript, type InputOf } from '../store/scripts.ts'
import { readStoreTime } from '../store/clock.ts'
import { PERIOD_LIFE_MS } from '../store/lifetimes.ts'

export interface OrgView {
  readonly org: string
  readonly name: string
  readonly revision: number
  readonly createdAt: UnixMs
  readonly period: BillingPeriod
  readonly billing: BillingSchedule
  /** As stored, '' for none; the roll script compares it. */
  readonly billingNext: string
  /** Includes the texts of refusals, and who is notified when a user reaches the limit (L4). */
  readonly limits: UserLimits
  readonly day: { readonly day: Day; readonly start: UnixMs; readonly end: UnixMs }
}

export interface OrgViews {
  /** The view at `now`, rolled over to the next period where the last one has ended; null for an unknown org. */
  current(org: string, now: UnixMs): Promise<OrgView | null>
  forget(org: string): void
  /** When the organization was created; null if this gateway has not read it yet. */
  createdAt(org: string): UnixMs | null
}

const MAX_ROLLS = 5

function viewOf(org: string, hash: OrgHash, now: UnixMs): OrgView | null {
  const stored = decodeOrg(org, hash)
  if (stored === null) return null
  const { name, revision, createdAt, period, billing, limits } = stored
  const day = dayWithin(period, billing.timezone, now)
  return {
    org,
    name,
    revision,
    createdAt,
    period,
    billing,
    billingNext: hash.billing_next ?? '',
    limits,
    day,
  }
}

/** The period that follows the view's period and contains `now`, under the next schedule if there is one (P4). */
function nextPeriod(view: OrgView, now: UnixMs): BillingPeriod {
  const next = view.billingNext === '' ? null : (JSON.parse(view.billingNext) as BillingSchedule)
  const bounds = next === null ? periodAt(view.billing, now) : periodAfter(next, view.period.end, now)
  // After a change of schedule, the first period may have begun off the grid. The next period never starts before it
  // ends.
  const start = Math.max(bounds.start, view.period.end) as UnixMs
  return { no: view.period.no + 1, start, end: bounds.end }
}

export function createOrgViews(redis: RedisClient): OrgViews {
  const views = new Map<string, Promise<OrgView | null>>()
  const created = new Map<string, UnixMs>()

  async function load(org: string, believed: UnixMs): Promise<OrgView | null> {
    let now = believed
    let refused = -1
    for (let attempt = 0; attempt < MAX_ROLLS; attempt += 1) {
      const view = viewOf(org, await readOrgHash(redis, org), now)
      if (view === null || now < view.period.end) return view
      // The store says that the period has not ended. Its clock decides, and `reserve` returns its time.
      if (view.period.no === refused) return view
      const next = nextPeriod(view, now)
      const rolled = await runScript(redis, 'roll', rollInput(view, next))
      if (rolled === 'already') refused = view.period.no
      // If this machine's clock has jumped, only the store's time tells which period to open.
      if (rolled === 'changed') now = await readStoreTime(redis)
    }
    throw new Error(`the billing period of ${org} could not be opened`)
  }

  return {
    async current(org, now) {
      const known = views.get(org)
      if (known !== undefined) {
        const view = await known
        const at = view === null ? now : Math.max(now, view.period.start)
        if (view !== null && at < view.period.end && at >= view.day.start) {
          if (at < view.day.end) return view
          const moved = { ...view, day: dayWithin(view.period, view.billing.timezone, now) }
          views.set(org, Promise.resolve(moved))
          return moved
        }
      }
      const loading = load(org, now)
      views.set(org, loading)
      try {
        const view = await loading
        if (view === null) views.delete(org)
        else created.set(org, view.createdAt)
        return view
      } catch (error) {
        if (views.get(org) === loading) views.delete(org)
        throw error
      }
    },
    forget: (org) => views.delete(org),
    createdAt: (org) => created.get(org) ?? null,
  }
}

function rollInput({ org, period, billingNext }: OrgView, next: BillingPeriod): InputOf<'roll'> {
  return {
    keys: {
      org: keys.org(org),
      total: keys.total(org, next.no),
      armed: keys.armed(org, next.no),
      alerts: keys.alerts(org),
    },
    args: {
      ends_no: period.no,
      period_no: next.no,
      start_ms: next.start,
      end_ms: next.end,
      life_end_ms: next.end + PERIOD_LIFE_MS,
      billing_next: billingNext,
    },
  }
}
