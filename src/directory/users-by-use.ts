/**
 * Users of an organization, most used first, and those at or past their limit (L7), from the period's index by use.
 *
 * A list is the chain of up to three phases, and a cursor names the phase and where in it to go on:
 * `use` is the index from the top (for `exceeding` only down to the default limit), `custom` (only for `exceeding`) are
 * users below that whom a custom limit caps lower, `idle` are members who used nothing (for `exceeding` only where the
 * default limit is 0). docs/usage.md says what a page of each costs.
 */
import { SOURCES, type Standing, type UserLimits } from '../core/policy.ts'
import { NOTHING, type Microcredits } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { pipelined } from '../store/pipelined.ts'
import { comesAfter, scoresOf, usersByUse, type UseEntry } from './usage/use-index.ts'
import { isFound } from './member-search.ts'
import { parseMember } from './members.ts'
import { readOrg } from './org-record.ts'
import { entriesOf, type Page } from './page.ts'
import { parseLimit } from './user-limits.ts'

export interface UserUse extends Standing {
  readonly user: string
  /** Null for who has none, and for who used something and is no member any more. */
  readonly name: string | null
  readonly exceeding: boolean
}

/**
 * Where a page ended. `use` and `custom`: behind this use and user. `idle`: behind this user in the part of the members
 * that the scan's cursor (in `score`) begins.
 */
export interface UseCursor extends UseEntry {
  readonly phase: 'use' | 'custom' | 'idle'
}

export interface UseQuery {
  readonly exceeding: boolean
  /** Looked for in id, name and email, in any case. */
  readonly q: string | null
  readonly limit: number
  readonly after: UseCursor | null
}

export interface UseDirectory {
  /**
   * Null for an unknown organization. Use that changes while a list is paged may move a user over a page's border. A page
   * of a long search may have fewer items than asked for, or none, and go on all the same.
   */
  listUsersByUse(org: string, query: UseQuery): Promise<Page<UserUse> | null>
}

interface Query extends UseQuery {
  readonly org: string
  readonly limits: UserLimits
  readonly periodNo: number
}

/** What one step looked at: those who may belong into the list, and where to go on behind them. */
interface Step {
  readonly batch: readonly UseCursor[]
  readonly looked: number
  readonly end: UseCursor | null
}

/** A candidate with what the store says of it, as text. */
interface Candidate {
  readonly at: UseCursor
  readonly used: number
  readonly member: string | null
  readonly custom: string | null
}

/** Every candidate of a plain list is shown; of a search, or of who exceeds, few are. */
const BATCH = 200
const SEARCH_BATCH = 1_000
/** Users whose counters are read at once. */
const DETAILS = 50
/** Candidates that one request may look at before it hands on where it came to. */
const MOST_LOOKED_AT = 200_000
const CURSOR = /^(use|custom|idle) (\d{1,16}) (\S{1,128})$/
const USER_FIELDS = SOURCES.flatMap((source) => [`used:${source}`, `held:${source}`])

/** Reads a page's `next` again; null for anything else. */
export function parseUseCursor(text: string): UseCursor | null {
  const [, phase, score, user] = CURSOR.exec(text) ?? []
  if (phase === undefined || score === undefined || user === undefined) return null
  return { phase: phase as UseCursor['phase'], score: Number(score), user }
}

export function createUseDirectory(redis: RedisClient): UseDirectory {
  return {
    listUsersByUse: (org, query) =>
      storeCall(async () => {
        const record = await readOrg(redis, org)
        if (record === null) return null
        return listUsers(redis, { ...query, org, limits: record.limits, periodNo: record.period.no })
      }),
  }
}

async function listUsers(redis: RedisClient, query: Query): Promise<Page<UserUse>> {
  const { exceeding, limit } = query
  if (exceeding && !query.limits.enabled) return { items: [], next: null }
  const found: { readonly item: UserUse; readonly at: UseCursor }[] = []
  let looked = 0
  let stoppedAt: UseCursor | null = null
  for await (const step of candidates(redis, query)) {
    const wanted = (await known(redis, query, step.batch)).filter((candidate) => isWanted(query, candidate))
    for (let at = 0; at < wanted.length && found.length <= limit; at += DETAILS) {
      found.push(...(await detailsOf(redis, query, wanted.slice(at, at + DETAILS))))
    }
    if (found.length > limit) break
    looked += step.looked
    if (looked < MOST_LOOKED_AT) continue
    stoppedAt = step.end
    break
  }
  const page = found.slice(0, limit)
  const next = found.length > limit ? (page.at(-1)?.at ?? null) : stoppedAt
  return {
    items: page.map(({ item }) => item),
    next: next === null ? null : `${next.phase} ${next.score} ${next.user}`,
  }
}

async function* candidates(redis: RedisClient, query: Query): AsyncGenerator<Step> {
  const { exceeding, limits, after, org, periodNo } = query
  const from = after?.phase ?? 'use'
  if (from === 'use') {
    const lowest = exceeding ? limits.default : 0
    const batch = query.q === null && !exceeding ? BATCH : SEARCH_BATCH
    // A user at the default limit or past it cannot have used less than that.
    for await (const entries of usersByUse(redis, org, periodNo, { lowest, after, batch })) {
      yield stepOf(entries.map((entry): UseCursor => ({ phase: 'use', ...entry })))
    }
  }
  if (from !== 'idle' && exceeding) yield* belowDefault(redis, query)
  // A limit of 0 is reached by who used nothing, too (L1).
  if (!exceeding || limits.default === NOTHING) yield* idle(redis, query)
}

function stepOf(batch: readonly UseCursor[]): Step {
  return { batch, looked: batch.length, end: batch.at(-1) ?? null }
}

/**
 * Users whom a custom limit caps below the default, and who have reached it. All custom limits are looked at, in steps,
 * to put those few into order.
 */
async function* belowDefault(redis: RedisClient, query: Query): AsyncGenerator<Step> {
  const { org, limits, after, periodNo } = query
  const reached = new Map<string, UseCursor>()
  let chunk = new Map<string, Microcredits>()
  const look = async (): Promise<void> => {
    const scores = await scoresOf(redis, org, periodNo, [...chunk.keys()])
    for (const [user, limit] of chunk) {
      const score = scores.get(user)
      const inIndexAbove = score !== undefined && score >= limits.default
      if (!inIndexAbove && (score ?? 0) >= limit)
        reached.set(user, { phase: 'custom', score: score ?? 0, user })
    }
    chunk = new Map()
  }
  for await (const [user, text] of entriesOf(redis, keys.customLimits(org))) {
    const limit = parseLimit(text)
    // Who is capped at the default or above it has reached it above, or not at all.
    if (limit !== null && (limit < limits.default || limit === NOTHING)) chunk.set(user, limit)
    if (chunk.size >= SEARCH_BATCH) await look()
  }
  await look()
  const all = [...reached.values()]
  const rest = after?.phase === 'custom' ? all.filter((entry) => comesAfter(entry, after)) : all
  rest.sort((a, b) => (comesAfter(a, b) ? 1 : -1))
  for (let at = 0; at < rest.length; at += BATCH) yield stepOf(rest.slice(at, at + BATCH))
}

/**
 * Members who used nothing, a part of the members at a time as the store scans them, by id within each. Who is new while
 * a list is paged may be missing, or come twice.
 */
async function* idle(redis: RedisClient, { org, q, after, periodNo }: Query): AsyncGenerator<Step> {
  let behind = after?.phase === 'idle' ? after : null
  let cursor = String(behind?.score ?? 0)
  do {
    const [next, flat] = await redis.hscan(keys.members(org), cursor, 'COUNT', SEARCH_BATCH)
    const found = new Map<string, string>()
    for (let at = 0; at + 1 < flat.length; at += 2) found.set(flat[at] ?? '', flat[at + 1] ?? '')
    const users = [...found.keys()].sort()
    const skipTo = behind?.user
    const rest = users.filter(
      (user) =>
        (skipTo === undefined || user > skipTo) && (q === null || isFound(user, found.get(user) ?? null, q)),
    )
    const scores = await scoresOf(redis, org, periodNo, rest)
    const score = Number(cursor)
    const at = (user: string): UseCursor => ({ phase: 'idle', score, user })
    const last = users.at(-1)
    yield {
      batch: rest.filter((user) => !scores.has(user)).map(at),
      looked: users.length,
      end: last === undefined ? null : at(last),
    }
    behind = null
    cursor = next
  } while (cursor !== '0')
}

/** Who of the batch `q` finds, with what the store says of them. */
async function known(redis: RedisClient, query: Query, batch: readonly UseCursor[]): Promise<Candidate[]> {
  if (batch.length === 0) return []
  const { org, q } = query
  const members = await redis.hmget(keys.members(org), ...batch.map(({ user }) => user))
  const found = batch
    .map((at, index) => ({ at, member: members[index] ?? null }))
    .filter(({ at, member }) => q === null || isFound(at.user, member, q))
  if (found.length === 0) return []
  const customs = await redis.hmget(keys.customLimits(org), ...found.map(({ at }) => at.user))
  return found.map(({ at, member }, index) => ({
    at,
    used: at.phase === 'idle' ? 0 : at.score,
    member,
    custom: customs[index] ?? null,
  }))
}

/** What can be told without the user's counters. */
function isWanted({ exceeding, limits }: Query, { at, used, member, custom }: Candidate): boolean {
  if (!exceeding) return true
  // Nobody is stopped who is no member; and idle users with a custom limit came with the custom limits.
  if (member === null || (at.phase === 'idle' && custom !== null)) return false
  const limit = custom === null ? limits.default : parseLimit(custom)
  // What counts is never more than what was used.
  return limit !== null && used >= limit
}

/** The candidates as the list shows them, without those who do not exceed after all. */
async function detailsOf(
  redis: RedisClient,
  query: Query,
  batch: readonly Candidate[],
): Promise<{ readonly item: UserUse; readonly at: UseCursor }[]> {
  const { org, periodNo, limits } = query
  const counters = (await pipelined(
    redis,
    batch.map(({ at }) => ['hmget', keys.user(org, periodNo, at.user), ...USER_FIELDS]),
  )) as (string | null)[][]
  const listed: { item: UserUse; at: UseCursor }[] = []
  for (const [index, { at, member, custom }] of batch.entries()) {
    const standing = standingOf(limits, custom, counters[index] ?? [])
    const exceeding = standing.limit !== null && standing.counted >= standing.limit
    if (query.exceeding && !exceeding) continue
    const name = member === null ? null : parseMember(at.user, member).name
    listed.push({ item: { user: at.user, name, ...standing, exceeding }, at })
  }
  return listed
}

function standingOf(
  limits: UserLimits,
  custom: string | null,
  counters: readonly (string | null)[],
): Standing {
  let [used, counted, held] = [0, 0, 0]
  for (const [index, source] of SOURCES.entries()) {
    const usedBySource = Number(counters[2 * index] ?? 0)
    used += usedBySource
    if (source !== 'chat' && limits.exclude[source]) continue
    counted += usedBySource
    held += Number(counters[2 * index + 1] ?? 0)
  }
  const limit = custom === null ? limits.default : parseLimit(custom)
  return {
    used: used as Microcredits,
    counted: counted as Microcredits,
    held: held as Microcredits,
    limit: limits.enabled ? limit : null,
  }
}
