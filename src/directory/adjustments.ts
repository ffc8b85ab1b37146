/** Adjustments: a refund or a charge that an admin makes to a user's usage in the open period (C8). */
import { createHash } from 'node:crypto'
import { dayWithin } from '../core/period.ts'
import type { Source } from '../core/policy.ts'
import type { Microcredits } from '../core/units.ts'
import { BooksInput } from '../ledger/books-input.ts'
import { storeCall } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { CROSSING_TYPES, readCrossings, refuseFault } from '../ledger/replies.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, type Change } from '../store/changes.ts'
import { inOpenPeriod, type SavingStore } from './configure.ts'
import { timedId } from './ids.ts'
import { readOrg } from './org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { ANSWER_LIFE_MS, PERIOD_LIFE_MS } from '../store/lifetimes.ts'

export interface Adjustment {
  readonly user: string
  readonly source: Source
  /** Microcredits; a negative amount gives credits back. */
  readonly amount: number
  readonly reason: string
}

export type AdjustResult =
  | {
      /**
       * `repeated`: the same adjustment was made before under this idempotency key, and this is the response of that
       * time.
       */
      readonly status: 'adjusted' | 'repeated'
      readonly id: string
      /** What the user has used in the period afterwards, over all sources. */
      readonly used: Microcredits
    }
  /** `used` of that source, which is less than the adjustment would take back. */
  | { readonly status: 'below_zero'; readonly used: Microcredits }
  | { readonly status: 'no_org' | 'unknown_user' | 'too_much' | 'reused' }

export interface AdjustmentDirectory {
  /**
   * `key` makes retries safe: for two days the same request with the same key gets the same response. `by` makes the
   * audit log entry from the adjustment's id.
   */
  adjust(
    org: string,
    adjustment: Adjustment,
    key: string | null,
    by: (id: string) => Change,
  ): Promise<AdjustResult>
}

const DAY_MS = 86_400_000

export function createAdjustmentDirectory(store: SavingStore, retentionDays: number): AdjustmentDirectory {
  return {
    adjust: (org, adjustment, key, by) =>
      storeCall(() => adjust(store, retentionDays * DAY_MS, org, adjustment, key, by)),
  }
}

async function adjust(
  store: SavingStore,
  userDayLifeMs: number,
  org: string,
  adjustment: Adjustment,
  key: string | null,
  by: (id: string) => Change,
): Promise<AdjustResult> {
  const { redis } = store
  const { user, source, amount } = adjustment
  const id = timedId('adj', await readStoreTime(redis))
  const reply = await inOpenPeriod(store, org, async ({ no, end }) => {
    const [record, now] = await Promise.all([readOrg(redis, org), readStoreTime(redis)])
    if (record === null) return ['no_org']
    const { day, start: dayStart, end: dayEnd } = dayWithin(record.period, record.billing.timezone, now)
    const books = new BooksInput(org, no, userDayLifeMs)
    books.usage(user, day)
    return runScript(redis, 'adjust', {
      keys: {
        ...books.keys(),
        members: keys.members(org),
        audit: keys.audit(org),
        answer: keys.adjusted(org, sha256(key ?? '')),
      },
      keyLists: books.keyLists(),
      args: {
        ...books.args(end + PERIOD_LIFE_MS),
        day_start_ms: dayStart,
        day_end_ms: dayEnd,
        source,
        amount,
        id,
        fingerprint: key === null ? '' : fingerprintOf(adjustment),
        answer_life_ms: ANSWER_LIFE_MS,
        ...changeArgs(by(id)),
      },
      lists: books.lists(),
    })
  })
  return readReply(store, org, id, reply ?? ['no_org'])
}

function readReply(
  { crossed }: SavingStore,
  org: string,
  id: string,
  reply: readonly string[],
): AdjustResult {
  refuseFault(reply[0])
  const [first = '', second = '', third = ''] = reply
  switch (first) {
    case 'repeated':
      return { status: 'repeated', id: second, used: Number(third) as Microcredits }
    case 'below_zero':
      return { status: 'below_zero', used: Number(second) as Microcredits }
    case 'no_org':
    case 'unknown_user':
    case 'too_much':
    case 'reused':
      return { status: first }
    default: {
      const crossings = readCrossings(first)
      for (const type of CROSSING_TYPES) if (crossings[type] > 0) crossed?.(org, type, crossings[type])
      return { status: 'adjusted', id, used: Number(third) as Microcredits }
    }
  }
}

/** A hash of the adjustment, which shows whether a repeated key comes with the same request. */
function fingerprintOf({ user, source, amount, reason }: Adjustment): string {
  return sha256(JSON.stringify([user, source, amount, reason]))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
