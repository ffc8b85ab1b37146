/** Organizations: created, read, changed and deleted. */
import { periodAt } from '../core/period.ts'
import { MICROCREDITS_PER_CREDIT, type Microcredits } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgField } from '../store/org-fields.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, type Change, type Save } from '../store/changes.ts'
import { configure, type OrgValues, type SaveResult, type SavingStore } from './configure.ts'
import { readOrg, RESOURCES, type OrgRecord, type OrgSettings } from './org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { pageOf, type Page, type PageRequest } from './page.ts'
import { purgeOrg } from './purge.ts'
import { disableAllKeys } from './virtual-keys.ts'
import { AUDIT_LIFE_MS, PERIOD_LIFE_MS } from '../store/lifetimes.ts'

export interface OrgStanding extends OrgRecord {
  /** Microcredits charged in the current period, for all users and sources. */
  readonly used: Microcredits
  readonly held: Microcredits
}

/** The fields to change; absent fields keep their values. `billing` takes effect when the current period ends (P4). */
export type OrgChanges = Partial<OrgSettings>

export type DeleteResult = 'deleted' | 'conflict' | 'no_org'

export interface OrgDirectory {
  /** `deleting`: the id becomes available when the deletion has finished. */
  createOrg(id: string, settings: OrgSettings, change: Change): Promise<'created' | 'exists' | 'deleting'>
  getOrg(id: string): Promise<OrgStanding | null>
  /** In the order of their ids. */
  listOrgs(page: PageRequest): Promise<Page<OrgStanding>>
  /** `save.expected` is the tag of the settings. */
  changeOrg(id: string, changes: OrgChanges, save: Save): Promise<SaveResult>
  /**
   * Revokes the organization's keys, then deletes all of its data. May be repeated: that finishes an interrupted
   * deletion, with or without `expected`. The deletion is recorded in the operator's log, because the organization's
   * own log is deleted too.
   */
  deleteOrg(id: string, save: Save): Promise<DeleteResult>
}

/** The period may end between its computation and the script; then it is computed again. */
const CREATE_ATTEMPTS = 3
/**
 * The initial settings of the per-user panels: switched off, with thresholds that do no harm when an admin switches
 * them on.
 */
const FIRST_LIMIT = 1_000 * MICROCREDITS_PER_CREDIT
const FIRST_ALERT_MARK = 500 * MICROCREDITS_PER_CREDIT

const DORMANT_PANELS = {
  alert_on: '0',
  alert_mark: String(FIRST_ALERT_MARK),
  alert_version: '1',
  alert_recipients: '"all"',
  alert_notify_user: '0',
  limit_on: '0',
  limit_default: String(FIRST_LIMIT),
  limit_recipients: '"all"',
  exclude_workflow: '0',
  exclude_agent_deployment: '0',
  explanation: '',
} satisfies OrgValues

export function createOrgDirectory(store: SavingStore): OrgDirectory {
  const { redis } = store
  return {
    createOrg: (id, settings, change) => storeCall(() => createOrg(redis, id, settings, change)),
    getOrg: (id) => storeCall(() => readStanding(redis, id)),
    listOrgs: (page) => storeCall(() => listOrgs(redis, page)),
    // A new schedule takes effect after the current period, so it is saved only while that period is open (P4).
    changeOrg: (id, changes, save) =>
      storeCall(() => configure(store, id, 'settings', valuesOf(changes, 'billing_next'), 'all', save)),
    deleteOrg: (id, save) => storeCall(() => deleteOrg(redis, id, save)),
  }
}

async function createOrg(
  redis: RedisClient,
  id: string,
  settings: OrgSettings,
  change: Change,
): Promise<'created' | 'exists' | 'deleting'> {
  // The registry comes first: sweeps read it, and must not miss an organization.
  await redis.sadd(keys.ORGS, id)
  const values: OrgValues = { ...valuesOf(settings, 'billing'), billing_next: '', ...DORMANT_PANELS }
  for (let attempt = 1; attempt <= CREATE_ATTEMPTS; attempt += 1) {
    const { start, end } = periodAt(settings.billing, await readStoreTime(redis))
    const status = await runScript(redis, 'create-org', {
      keys: { org: keys.org(id), total: keys.total(id, 1), audit: keys.audit(id) },
      args: { start_ms: start, end_ms: end, life_end_ms: end + PERIOD_LIFE_MS, ...changeArgs(change) },
      lists: { fields: Object.entries(values).flat() },
    })
    if (status === 'created' || status === 'exists' || status === 'deleting') return status
  }
  throw new Error(`no first period for ${id}`)
}

async function readStanding(redis: RedisClient, id: string): Promise<OrgStanding | null> {
  const record = await readOrg(redis, id)
  if (record === null) return null
  const [used, held] = await redis.hmget(keys.total(id, record.period.no), 'used', 'held')
  return { ...record, used: Number(used ?? 0) as Microcredits, held: Number(held ?? 0) as Microcredits }
}

async function listOrgs(redis: RedisClient, { limit, after }: PageRequest): Promise<Page<OrgStanding>> {
  const ids = (await redis.smembers(keys.ORGS)).filter((id) => after === null || id > after).sort()
  const page = pageOf(ids, limit, (id) => id)
  const found = await Promise.all(page.items.map((id) => readStanding(redis, id)))
  // The registry is written first and cleared last, so it may name an organization that does not exist.
  return { items: found.filter((org) => org !== null), next: page.next }
}

/**
 * Deletes an organization. The first step stops the admission of its calls. What that step keeps of the hash reserves
 * the id until everything is deleted, and holds the entry for the operator's log. After an interruption, a repeated
 * request finishes the deletion. That may write the log entry twice, but never omits it.
 */
async function deleteOrg(redis: RedisClient, id: string, { expected, change }: Save): Promise<DeleteResult> {
  const [hash, registered] = await Promise.all([redis.exists(keys.org(id)), redis.sismember(keys.ORGS, id)])
  if (hash === 0 && registered === 0) return 'no_org'
  const begun = await runScript(redis, 'delete-org', {
    keys: { org: keys.org(id) },
    args: { tag: expected, deletion: JSON.stringify(Object.values(changeArgs(change))) },
    lists: { resource: RESOURCES.settings },
  })
  if (begun === 'conflict') return 'conflict'
  const deletion = await redis.hget(keys.org(id), 'deleting' satisfies OrgField)
  if (deletion !== null) await logDeletion(redis, JSON.parse(deletion) as string[])
  await disableAllKeys(redis, id)
  await purgeOrg(redis, id)
  await redis.srem(keys.ORGS, id)
  await redis.del(keys.org(id))
  return 'deleted'
}

async function logDeletion(redis: RedisClient, words: readonly string[]): Promise<void> {
  const now = await readStoreTime(redis)
  const names = ['actor', 'action', 'target', 'before', 'after']
  const fields = names.flatMap((name, index) => [name, words[index] ?? ''])
  await redis.xadd(keys.OPERATOR_AUDIT, 'MINID', '~', now - AUDIT_LIFE_MS, '*', 'at', now, ...fields)
  await redis.pexpire(keys.OPERATOR_AUDIT, AUDIT_LIFE_MS)
}

function valuesOf(changes: OrgChanges, billingField: 'billing' | 'billing_next'): OrgValues {
  const values: OrgValues = {}
  if (changes.name !== undefined) values.name = changes.name
  if (changes.allowance !== undefined) values.allowance = String(changes.allowance)
  if (changes.admission !== undefined) values.admission = changes.admission
  if (changes.autoEnroll !== undefined) values.auto_enroll = changes.autoEnroll ? '1' : '0'
  if (changes.maxMembers !== undefined) values.max_members = String(changes.maxMembers)
  if (changes.billing !== undefined) values[billingField] = JSON.stringify(changes.billing)
  return values
}
