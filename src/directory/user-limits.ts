/**
 * Per-user limits: the organization's default (fields of its hash) and custom limits. The reserve script reads both
 * (L8).
 */
import type { UserLimits } from '../core/policy.ts'
import type { Microcredits } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { tagOf, type Save, type Tagged } from '../store/changes.ts'
import { configure, type SaveResult, type SavingStore } from './configure.ts'
import { saveEntry } from './entries.ts'
import { membersOf } from './members.ts'
import { orgExists } from '../store/org-record.ts'
import { readOrg, resourceTag } from './org-record.ts'
import { pageOfHash, type Page, type PageRequest } from './page.ts'

const UNLIMITED = 'unlimited'

export interface CustomLimit {
  readonly user: string
  /** Null means unlimited. */
  readonly limit: Microcredits | null
}

export interface ListedCustomLimit extends CustomLimit {
  /** Null for users without a name, and for users who are no longer members. */
  readonly name: string | null
}

export type PutCustomLimitResult =
  | { readonly status: 'saved'; readonly tag: string }
  | { readonly status: 'conflict' | 'no_org' | 'no_member' }

export interface UserLimitDirectory {
  getUserLimits(org: string): Promise<Tagged<{ readonly limits: UserLimits }> | null>
  /** Replaces the whole setting; the result of a save has the new tag. */
  setUserLimits(
    org: string,
    limits: UserLimits,
    save: Save,
  ): Promise<Exclude<SaveResult, { status: 'saved' }> | { readonly status: 'saved'; readonly tag: string }>
  /** In the order of the users' ids; null for an unknown organization. */
  listCustomLimits(org: string, page: PageRequest): Promise<Page<ListedCustomLimit> | null>
  getCustomLimit(org: string, user: string): Promise<Tagged<CustomLimit> | null>
  putCustomLimit(org: string, custom: CustomLimit, save: Save): Promise<PutCustomLimitResult>
  /** Deletes the custom limit, so that the default applies again. */
  deleteCustomLimit(org: string, user: string, save: Save): Promise<'deleted' | 'conflict' | 'no_org'>
}

export function createUserLimitDirectory(store: SavingStore): UserLimitDirectory {
  const { redis } = store
  return {
    getUserLimits: (org) =>
      storeCall(async () => {
        const record = await readOrg(redis, org)
        return record === null ? null : { limits: record.limits, tag: record.tags.userLimits }
      }),
    setUserLimits: (org, limits, save) =>
      storeCall(async () => {
        const values = valuesOf(limits)
        const saved = await configure(store, org, 'userLimits', values, limits.recipients, save)
        return saved.status === 'saved' ? { ...saved, tag: resourceTag(values, 'userLimits') } : saved
      }),
    listCustomLimits: (org, page) =>
      storeCall(async () => ((await orgExists(redis, org)) ? listCustomLimits(redis, org, page) : null)),
    getCustomLimit: (org, user) =>
      storeCall(async () => {
        const text = await redis.hget(keys.customLimits(org), user)
        return text === null ? null : { user, limit: parseLimit(text), tag: tagOf(text) }
      }),
    putCustomLimit: (org, { user, limit }, save) =>
      storeCall(async () => {
        const text = limit === null ? UNLIMITED : String(limit)
        const entry = { hash: keys.customLimits(org), field: user, text, member: user }
        const status = await saveEntry(redis, org, entry, save)
        return status === 'saved' ? { status, tag: tagOf(text) } : { status }
      }),
    deleteCustomLimit: (org, user, save) =>
      storeCall(async () => {
        const status = await saveEntry(
          redis,
          org,
          { hash: keys.customLimits(org), field: user, text: null },
          save,
        )
        return status === 'saved' ? 'deleted' : status
      }),
  }
}

async function listCustomLimits(
  redis: RedisClient,
  org: string,
  page: PageRequest,
): Promise<Page<ListedCustomLimit>> {
  const { items, next } = await pageOfHash(redis, keys.customLimits(org), page, (user, text) => ({
    user,
    limit: parseLimit(text),
  }))
  const users = items.map(({ user }) => user)
  const members = await membersOf(redis, org, users)
  return {
    items: items.map((custom) => ({ ...custom, name: members.get(custom.user)?.name ?? null })),
    next,
  }
}

/** Null means unlimited. */
export function parseLimit(text: string): Microcredits | null {
  return text === UNLIMITED ? null : (Number(text) as Microcredits)
}

function valuesOf(limits: UserLimits) {
  return {
    limit_on: limits.enabled ? '1' : '0',
    limit_default: String(limits.default),
    limit_recipients: JSON.stringify(limits.recipients),
    exclude_workflow: limits.exclude.workflow ? '1' : '0',
    exclude_agent_deployment: limits.exclude.agent_deployment ? '1' : '0',
    explanation: JSON.stringify(limits.explanation),
  }
}
