/** Per-user limits: the organization's own (fields of its hash) and custom ones, both read by reserve itself (L8). */
import type { UserLimits } from '../../core/policy.ts'
import type { Microcredits } from '../../core/units.ts'
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { orgExists, readOrg } from './org-record.ts'
import { configure, type SaveResult } from './orgs.ts'
import { pageOfHash, type Page, type PageRequest } from './page.ts'

const UNLIMITED = 'unlimited'

export interface CustomLimit {
  readonly user: string
  /** Null is unlimited. */
  readonly limit: Microcredits | null
}

export interface UserLimitDirectory {
  getUserLimits(org: string): Promise<{ readonly limits: UserLimits; readonly revision: number } | null>
  /** Replaces all of it; `from` as in `changeOrg`. */
  setUserLimits(org: string, limits: UserLimits, from: number | null): Promise<SaveResult>
  /** In order of the users' ids; null for an unknown organization. */
  listCustomLimits(org: string, page: PageRequest): Promise<Page<CustomLimit> | null>
  getCustomLimit(org: string, user: string): Promise<CustomLimit | null>
  putCustomLimit(org: string, custom: CustomLimit): Promise<'saved' | 'no_org' | 'no_member'>
  /** The default holds again; false where there was no custom limit. */
  deleteCustomLimit(org: string, user: string): Promise<boolean>
}

export function createUserLimitDirectory(redis: RedisClient): UserLimitDirectory {
  return {
    getUserLimits: (org) =>
      storeCall(async () => {
        const record = await readOrg(redis, org)
        return record === null ? null : { limits: record.limits, revision: record.revision }
      }),
    setUserLimits: (org, limits, from) =>
      storeCall(() =>
        configure(
          redis,
          org,
          {
            limit_on: limits.enabled ? '1' : '0',
            limit_default: String(limits.default),
            limit_recipients: JSON.stringify(limits.recipients),
            exclude_workflow: limits.exclude.workflow ? '1' : '0',
            exclude_agent_deployment: limits.exclude.agent_deployment ? '1' : '0',
            explanation: JSON.stringify(limits.explanation),
          },
          from,
        ),
      ),
    listCustomLimits: (org, page) =>
      storeCall(async () =>
        (await orgExists(redis, org))
          ? pageOfHash(redis, keys.customLimits(org), page, (user, text) => ({
              user,
              limit: parseLimit(text),
            }))
          : null,
      ),
    getCustomLimit: (org, user) =>
      storeCall(async () => {
        const text = await redis.hget(keys.customLimits(org), user)
        return text === null ? null : { user, limit: parseLimit(text) }
      }),
    putCustomLimit: (org, custom) => storeCall(() => putCustomLimit(redis, org, custom)),
    deleteCustomLimit: (org, user) =>
      storeCall(async () => (await redis.hdel(keys.customLimits(org), user)) === 1),
  }
}

/** Null is unlimited. */
export function parseLimit(text: string): Microcredits | null {
  return text === UNLIMITED ? null : (Number(text) as Microcredits)
}

async function putCustomLimit(
  redis: RedisClient,
  org: string,
  { user, limit }: CustomLimit,
): Promise<'saved' | 'no_org' | 'no_member'> {
  if (!(await orgExists(redis, org))) return 'no_org'
  if ((await redis.hexists(keys.members(org), user)) === 0) return 'no_member'
  await redis.hset(keys.customLimits(org), user, limit === null ? UNLIMITED : String(limit))
  if (await orgExists(redis, org)) return 'saved'
  // Deleted since the look: nothing of it may be left behind.
  await redis.hdel(keys.customLimits(org), user)
  return 'no_org'
}
