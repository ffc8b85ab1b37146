/**
 * Users of an organization, most used first, and those at or past their limit (L7), from the period's index by use.
 *
 * A list is the chain of up to three phases, and a cursor names the phase, score and user after which it goes on:
 * `use` is the index from the top (for `exceeding` only down to the default limit), `custom` (only for `exceeding`) are
 * users below that whom a custom limit caps lower, `idle` are members who used nothing, by id.
 */
import { SOURCES, type Standing, type UserLimits } from '../../core/policy.ts'
import { NOTHING, type Microcredits } from '../../core/units.ts'
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { membersOf, matches, type Member } from './members.ts'
import { readOrg } from './org-record.ts'
import { entriesOf, type Page } from './page.ts'
import { parseLimit } from './user-limits.ts'

export interface UserUse extends Standing {
  readonly user: string
  /** Null for who has none, and for who used something and is no member any more. */
  readonly name: string | null
  readonly exceeding: boolean
}

const PHASES = ['use', 'custom', 'idle'] as const
type Phase = (typeof PHASES)[number]

export interface UseCursor {
  readonly phase: Phase
  readonly score: number
  readonly user: string
}

export interface UseQuery {
  readonly exceeding: boolean
  /** Looked for in id, name and email, in any case. */
  readonly q: string | null
  readonly limit: number
  readonly after: UseCursor | null
}

export interface UseDirectory {
  /** Null for an unknown organization. Use that changes while a list is paged may move a user over a page's border. */
  listUsersByUse(org: string, query: UseQuery): Promise<Page<UserUse> | null>
}

interface Query extends UseQuery {
  readonly org: string
  readonly limits: UserLimits
  readonly periodNo: number
}

const BATCH = 200
const CURSOR = /^(use|custom|idle) (\d{1,16}) (\S{1,128})$/
const USER_FIELDS = SOURCES.flatMap((source) => [`used:${source}`, `held:${source}`])

/** Reads a page's `next` again; null for anything else. */
export function parseUseCursor(text: string): UseCursor | null {
  const [, phase, score, user] = CURSOR.exec(text) ?? []
  if (phase === undefined || score === undefined || user === undefined) return null
  return { phase: phase as Phase, score: Number(score), user }
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
  if (query.exceeding && !query.limits.enabled) return { items: [], next: null }
  const found: { item: UserUse; at: UseCursor }[] = []
  for await (const batch of candidates(redis, query)) {
    const details = await detailsOf(redis, query, batch)
    found.push(...details)
    if (found.length > query.limit) break
  }
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  const more = last !== undefined && found.length > query.limit
  return {
    items: page.map(({ item }) => item),
    next: more ? `${last.at.phase} ${last.at.score} ${last.at.user}` : null,
  }
}

async function* candidates(redis: RedisClient, query: Query): AsyncGenerator<UseCursor[]> {
  const { exceeding, limits, after } = query
  const from = after === null ? 0 : PHASES.indexOf(after.phase)
  if (from === 0) yield* byUse(redis, query)
  if (from <= 1 && exceeding) yield* belowDefault(redis, query)
  // A limit of 0 is reached by who used nothing, too (L1).
  if (!exceeding || limits.default === NOTHING) yield* idle(redis, query)
}

/** The index from the top down. A user at the default limit or past it cannot have used less than that. */
async function* byUse(redis: RedisClient, query: Query): AsyncGenerator<UseCursor[]> {
  const lowest = query.exceeding ? query.limits.default : 0
  let after = query.after
  let skip = 0
  for (;;) {
    const highest = after === null ? '+inf' : after.score
    const top = keys.top(query.org, query.periodNo)
    const flat = await redis.zrevrangebyscore(top, highest, lowest, 'WITHSCORES', 'LIMIT', skip, BATCH)
    const batch: UseCursor[] = []
    for (let index = 0; index + 1 < flat.length; index += 2) {
      const entry: UseCursor = { phase: 'use', score: Number(flat[index + 1]), user: flat[index] ?? '' }
      if (after === null || comesAfter(entry, after)) batch.push(entry)
    }
    if (batch.length > 0) yield batch
    if (flat.length < 2 * BATCH) return
    // A batch in which nothing was new is full of users with the cursor's own score: only then it must be counted off.
    skip = batch.length === 0 ? skip + BATCH : 0
    after = batch.at(-1) ?? after
  }
}

/** Users whom a custom limit caps below the default, and who have reached it. */
async function* belowDefault(redis: RedisClient, query: Query): AsyncGenerator<UseCursor[]> {
  const { org, limits, after } = query
  const reached: UseCursor[] = []
  let chunk: { user: string; limit: Microcredits }[] = []
  const look = async (): Promise<void> => {
    const scores = await scoresOf(
      redis,
      query,
      chunk.map(({ user }) => user),
    )
    for (const { user, limit } of chunk) {
      const score = scores.get(user)
      const inIndexAbove = score !== undefined && score >= limits.default
      if (!inIndexAbove && (score ?? 0) >= limit) reached.push({ phase: 'custom', score: score ?? 0, user })
    }
    chunk = []
  }
  for await (const [user, text] of entriesOf(redis, keys.customLimits(org))) {
    const limit = parseLimit(text)
    if (limit !== null) chunk.push({ user, limit })
    if (chunk.length === BATCH) await look()
  }
  await look()
  const rest = after?.phase === 'custom' ? reached.filter((entry) => comesAfter(entry, after)) : reached
  yield* inBatches(rest.sort((a, b) => (comesAfter(a, b) ? 1 : -1)))
}

async function* idle(redis: RedisClient, query: Query): AsyncGenerator<UseCursor[]> {
  const after = query.after?.phase === 'idle' ? query.after.user : ''
  const users = new Set<string>()
  for await (const [user] of entriesOf(redis, keys.members(query.org))) if (user > after) users.add(user)
  const sorted = [...users].sort().map((user): UseCursor => ({ phase: 'idle', score: 0, user }))
  for (const batch of inBatches(sorted)) {
    const scores = await scoresOf(
      redis,
      query,
      batch.map(({ user }) => user),
    )
    yield batch.filter(({ user }) => !scores.has(user))
  }
}

/** By use, then by user, both downwards: the order of the index itself. */
function comesAfter(entry: UseCursor, other: UseCursor): boolean {
  return entry.score < other.score || (entry.score === other.score && entry.user < other.user)
}

function* inBatches<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += BATCH) yield all.slice(at, at + BATCH)
}

async function scoresOf(
  redis: RedisClient,
  query: Query,
  users: readonly string[],
): Promise<Map<string, number>> {
  const scores = new Map<string, number>()
  if (users.length === 0) return scores
  const found = await redis.zmscore(keys.top(query.org, query.periodNo), ...users)
  for (const [index, user] of users.entries()) {
    const score = found[index]
    if (score !== null && score !== undefined) scores.set(user, Number(score))
  }
  return scores
}

/** The batch's users as the list shows them, without those who do not belong in it. */
async function detailsOf(
  redis: RedisClient,
  query: Query,
  batch: readonly UseCursor[],
): Promise<{ item: UserUse; at: UseCursor }[]> {
  if (batch.length === 0) return []
  const users = batch.map(({ user }) => user)
  const [members, customs, counters] = await Promise.all([
    membersOf(redis, query.org, users),
    redis.hmget(keys.customLimits(query.org), ...users),
    Promise.all(users.map((user) => redis.hmget(keys.user(query.org, query.periodNo, user), ...USER_FIELDS))),
  ])
  const listed: { item: UserUse; at: UseCursor }[] = []
  for (const [index, at] of batch.entries()) {
    const member = members.get(at.user)
    const custom = customs[index] ?? null
    if (!wanted(query, at, member, custom)) continue
    const standing = standingOf(query.limits, custom, counters[index] ?? [])
    const exceeding = standing.limit !== null && standing.counted >= standing.limit
    if (query.exceeding && !exceeding) continue
    listed.push({ item: { user: at.user, name: member?.name ?? null, ...standing, exceeding }, at })
  }
  return listed
}

function wanted(
  { exceeding, q }: Query,
  at: UseCursor,
  member: Member | undefined,
  custom: string | null,
): boolean {
  if (exceeding) {
    // Nobody is stopped who is no member; and idle users with a custom limit came with the custom limits.
    if (member === undefined || (at.phase === 'idle' && custom !== null)) return false
  }
  return q === null || matches(member ?? { user: at.user, email: null, name: null, role: 'member' }, q)
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
