/**
 * Users of an organization by usage, highest first, and those at or past their limit (L7), from the period's index by
 * use.
 *
 * A list consists of up to three phases, and a cursor names the phase and the position in it. `use` reads the index
 * from the top (for `exceeding` only down to the default limit). `custom` (only for `exceeding`) are users below that
 * with a lower custom limit. `idle` are members without usage (for `exceeding` only if the default limit is 0).
 * docs/usage.md says what a page of each phase costs.
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
  /** Null for users without a name, and for users with usage who are no longer members. */
  readonly name: string | null
  readonly exceeding: boolean
}

/**
 * Where a page ended. `use` and `custom`: after this use and user. `idle`: after this user in the part of the members
 * that begins at the scan cursor in `score`.
 */
export interface UseCursor extends UseEntry {
  readonly phase: 'use' | 'custom' | 'idle'
}

export interface UseQuery {
  readonly exceeding: boolean
  /** Searched in id, name and email, ignoring case. */
  readonly q: string | null
  readonly limit: number
  readonly after: UseCursor | null
}

export interface UseDirectory {
  /**
   * Null for an unknown organization. Charges during paging may move a user across a page boundary. A page of a long
   * search may have fewer items than requested, or none, and still have a next page.
   */
  listUsersByUse(org: string, query: UseQuery): Promise<Page<UserUse> | null>
}

interface Query extends UseQuery {
  readonly org: string
  readonly limits: UserLimits
  readonly periodNo: number
}

/** The result of one step: the candidates for the list, and where the next step starts. */
interface Step {
  readonly batch: readonly UseCursor[]
  readonly looked: number
  readonly end: UseCursor | null
}

/** A candidate with its data from the store, as text. */
interface Candidate {
  readonly at: UseCursor
  readonly used: number
  readonly member: string | null
  readonly custom: string | null
}

/** In a plain list every candidate is shown; with a search or `exceeding` only few are. */
const BATCH = 200
const SEARCH_BATCH = 1_000
/** Users whose counters are read together. */
const DETAILS = 50
/** The most candidates that one request scans before it returns a cursor. */
const MOST_LOOKED_AT = 200_000
const CURSOR = /^(use|custom|idle) (\d{1,16}) (\S{1,128})$/
const USER_FIELDS = SOURCES.flatMap((source) => [`used:${source}`, `held:${source}`])

/** Parses a page's `next`; null for any other text. */
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
    // A user at or past the default limit has used at least that much.
    for await (const entries of usersByUse(redis, org, periodNo, { lowest, after, batch })) {
      yield stepOf(entries.map((entry): UseCursor => ({ phase: 'use', ...entry })))
    }
  }
  if (from !== 'idle' && exceeding) yield* belowDefault(redis, query)
  // Users without usage are at a limit of 0, too (L1).
  if (!exceeding || limits.default === NOTHING) yield* idle(redis, query)
}

function stepOf(batch: readonly UseCursor[]): Step {
  return { batch, looked: batch.length, end: batch.at(-1) ?? null }
}

/**
 * Users with a custom limit below the default who have reached it. All custom limits are scanned in steps, because
 * these few users have to be sorted.
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
    // Users with a custom limit at or above the default are in the `use` phase if they have reached it.
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
 * Members without usage, in parts in the order of the store's scan, each part sorted by id. Members who are added
 * during paging may be missing or come twice.
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

/** The users of the batch that match `q`, with their data from the store. */
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

/** Checks everything that needs no counters of the user. */
function isWanted({ exceeding, limits }: Query, { at, used, member, custom }: Candidate): boolean {
  if (!exceeding) return true
  // Only members can be refused. Idle users with a custom limit were listed in the `custom` phase.
  if (member === null || (at.phase === 'idle' && custom !== null)) return false
  const limit = custom === null ? limits.default : parseLimit(custom)
  // The usage that counts against the limit is never more than the whole usage.
  return limit !== null && used >= limit
}

/** The candidates as list items, without those who turn out not to exceed. */
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
