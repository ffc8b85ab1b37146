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
  /** Charged in the current period, all users and sources. */
  readonly used: Microcredits
  readonly held: Microcredits
}

/** Fields to change; what is absent stays. `billing` takes effect when the current period ends (P4). */
export type OrgChanges = Partial<OrgSettings>

export type DeleteResult = 'deleted' | 'conflict' | 'no_org'

export interface OrgDirectory {
  /** `deleting`: the id is free again once its deletion has finished. */
  createOrg(id: string, settings: OrgSettings, change: Change): Promise<'created' | 'exists' | 'deleting'>
  getOrg(id: string): Promise<OrgStanding | null>
  /** In order of their ids. */
  listOrgs(page: PageRequest): Promise<Page<OrgStanding>>
  /** `expected` of the save is the tag of the settings. */
  changeOrg(id: string, changes: OrgChanges, save: Save): Promise<SaveResult>
  /**
   * Revokes the organization's keys, then forgets all about it. May be asked again: a deletion that broke off is
   * finished, with `expected` or without. It stands in the operator's log, since the organization's own goes with it.
   */
  deleteOrg(id: string, save: Save): Promise<DeleteResult>
}

/** A period's last millisecond may pass between computing it and the script: then it is computed again. */
const CREATE_ATTEMPTS = 3
/** Where the per-user panels start: switched off, with thresholds that are no trap for who switches them on. */
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
    // A new schedule takes over from the period that is current, so it is saved only while that one is open (P4).
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
  // First of all: sweeps go through the registry, and must miss no organization.
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
  // The registry is written first and cleared last, so it may name an organization that is not there.
  return { items: found.filter((org) => org !== null), next: page.next }
}

/**
 * Forgets an organization. From the first step on no call of it is admitted; what that leaves of its hash keeps the id
 * from being taken before everything is gone, and holds what the operator's log will have. If it breaks off, asking
 * again finishes it, and may log it once more: twice rather than never.
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
