/** Parses the replies of the scripts. The head of each file in lua/ defines the format. */
import { UnsoundBooks } from '../store/unavailable.ts'
import type { CrossingType } from '../core/crossing.ts'
import type { Source, Standing } from '../core/policy.ts'
import type { Day, Microcredits, UnixMs } from '../core/units.ts'

export type ReserveHead =
  | { readonly status: 'ok'; readonly now: UnixMs; readonly revision: number; readonly crossings: number }
  | { readonly status: 'stale'; readonly now: UnixMs }
  | { readonly status: 'no_org' }

export type ReserveEntry =
  | {
      readonly status: 'reserved' | 'denied' | 'too_large' | 'busy' | 'unbounded'
      readonly standing: Standing
      readonly amount: Microcredits
    }
  | { readonly status: 'unknown_user' | 'gone' }
  | { readonly status: 'overdue'; readonly leases: readonly string[] }

export { CROSSING_TYPES, type CrossingType } from '../core/crossing.ts'

/** The fields of a lease's text. */
export interface Lease {
  readonly periodNo: number
  readonly day: Day
  readonly holdId: string
  readonly user: string
}

/** The reply is not in the script's format: a bug or a foreign writer, never an expected outcome. */
class UnreadableReply extends Error {
  override readonly name = 'UnreadableReply'
}

function words(reply: unknown): string[] {
  if (typeof reply !== 'string') throw new UnreadableReply(`expected text, got ${typeof reply}`)
  return reply.split(' ')
}

/** Throws UnsoundBooks, after calling `onFault`, if the head of a reply says that the script refused its batch. */
export function refuseFault(head: unknown, onFault?: () => void): void {
  if (typeof head !== 'string' || !head.startsWith('fault ')) return
  onFault?.()
  throw new UnsoundBooks(`the counters do not add up: ${head.slice('fault '.length)}`)
}

/**
 * The entries of a script's reply: its head, and one for each item of the batch. Throws UnsoundBooks, after calling
 * `onFault`, if the script refused the batch.
 */
export function entries(reply: unknown, onFault: () => void): { head: unknown; items: readonly unknown[] } {
  if (!Array.isArray(reply)) throw new UnreadableReply(`expected a list, got ${typeof reply}`)
  const [head, ...items] = reply as unknown[]
  refuseFault(head, onFault)
  return { head, items }
}

export function amountOf(text: string | undefined): Microcredits {
  return Number(text) as Microcredits
}

export function readReserveHead(head: unknown): ReserveHead {
  const [status = '', now, revision, crossings] = words(head)
  switch (status) {
    case 'ok':
      return { status, now: Number(now) as UnixMs, revision: Number(revision), crossings: Number(crossings) }
    case 'stale':
      return { status, now: Number(now) as UnixMs }
    case 'no_org':
      return { status }
    default:
      throw new UnreadableReply(`reserve: ${status}`)
  }
}

export function readReserveEntry(entry: unknown): ReserveEntry {
  if (Array.isArray(entry)) return { status: 'overdue', leases: (entry as string[]).slice(1) }
  const [status = '', used, counted, held, limit, amount] = words(entry)
  switch (status) {
    case 'unknown_user':
    case 'gone':
      return { status }
    case 'reserved':
    case 'denied':
    case 'too_large':
    case 'busy':
    case 'unbounded':
      return {
        status,
        amount: amountOf(amount),
        standing: {
          used: amountOf(used),
          counted: amountOf(counted),
          held: amountOf(held),
          limit: limit === '-' ? null : amountOf(limit),
        },
      }
    default:
      throw new UnreadableReply(`reserve: ${status}`)
  }
}

/** The store's time, from the head of a reply. */
export function readTime(head: unknown): UnixMs {
  return Number(words(head)[1]) as UnixMs
}

/** How many crossings of each kind a script put into the outbox. */
export function readCrossings(head: unknown): Readonly<Record<CrossingType, number>> {
  const [, , orgAlerts, userAlerts, limits] = words(head)
  return {
    'org.alert.crossed': Number(orgAlerts),
    'user.alert.crossed': Number(userAlerts),
    'user.limit.reached': Number(limits),
  }
}

/** Parses a member of the leases. The user's id comes last because it may hold any character but a space. */
export function readLease(text: string): Lease {
  const [periodNo, day, holdId, user] = text.split(' ')
  if (day === undefined || holdId === undefined || user === undefined) {
    throw new UnreadableReply(`lease: ${text}`)
  }
  return { periodNo: Number(periodNo), day: day as Day, holdId, user }
}

/** Sums a user hash's amounts by source, from an HMGET of `used:*` and `held:*` in the order of SOURCES. */
export function sumsBySource(
  values: readonly (string | null)[],
  excluded: Readonly<Record<Source, boolean>>,
): { used: Microcredits; counted: Microcredits; held: Microcredits } {
  const order: readonly Source[] = ['chat', 'workflow', 'agent_deployment']
  let used = 0
  let counted = 0
  let held = 0
  order.forEach((source, index) => {
    const usedHere = Number(values[index] ?? 0)
    used += usedHere
    if (excluded[source]) return
    counted += usedHere
    held += Number(values[index + order.length] ?? 0)
  })
  return { used: used as Microcredits, counted: counted as Microcredits, held: held as Microcredits }
}
