/** Organizations: created, read, changed and deleted. */
import { periodAt } from '../../core/period.ts'
import { MICROCREDITS_PER_CREDIT, type Microcredits, type UnixMs } from '../../core/units.ts'
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { ORG_FIELDS, type OrgField } from '../org-fields.ts'
import { PERIOD_LIFE_MS } from '../org-views.ts'
import { runScript } from '../scripts.ts'
import { readOrg, storeTime, type OrgRecord, type OrgSettings } from './org-record.ts'
import { pageOf, type Page, type PageRequest } from './page.ts'
import { purgeOrg } from './purge.ts'
import { revokeAllKeys } from './virtual-keys.ts'

export interface OrgStanding extends OrgRecord {
  /** Charged in the current period, all users and sources. */
  readonly used: Microcredits
  readonly held: Microcredits
}

/** Fields to change; what is absent stays. `billing` takes effect when the current period ends (P4). */
export type OrgChanges = Partial<OrgSettings>

export type SaveResult =
  | { readonly status: 'saved'; readonly revision: number }
  /** Somebody saved since the revision that the change was made from (A2). */
  | { readonly status: 'conflict'; readonly revision: number }
  | { readonly status: 'no_org' }

/** Opens the billing period that is current at `now` where the stored one has ended: the ledger's part. */
export type OpenPeriod = (org: string, now: UnixMs) => Promise<unknown>

export interface OrgDirectory {
  /** `deleting`: the id is free again once its deletion has finished. */
  createOrg(id: string, settings: OrgSettings): Promise<'created' | 'exists' | 'deleting'>
  getOrg(id: string): Promise<OrgStanding | null>
  /** In order of their ids. */
  listOrgs(page: PageRequest): Promise<Page<OrgStanding>>
  /** `from` is the revision that the change was made from, null to overwrite whatever is there. */
  changeOrg(id: string, changes: OrgChanges, from: number | null): Promise<SaveResult>
  /** Revokes the organization's keys, then forgets all about it; false where there is none. May be asked again. */
  deleteOrg(id: string): Promise<boolean>
}

export type OrgValues = Partial<Record<OrgField, string>>

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

export function createOrgDirectory(redis: RedisClient, openPeriod: OpenPeriod): OrgDirectory {
  return {
    createOrg: (id, settings) => storeCall(() => createOrg(redis, id, settings)),
    getOrg: (id) => storeCall(() => readStanding(redis, id)),
    listOrgs: (page) => storeCall(() => listOrgs(redis, page)),
    changeOrg: (id, changes, from) =>
      storeCall(async () => {
        // A new schedule takes over from the period that is current, so that one must be open before it is saved (P4).
        if (changes.billing !== undefined) await openPeriod(id, await storeTime(redis))
        return configure(redis, id, valuesOf(changes, 'billing_next'), from)
      }),
    deleteOrg: (id) => storeCall(() => deleteOrg(redis, id)),
  }
}

async function createOrg(
  redis: RedisClient,
  id: string,
  settings: OrgSettings,
): Promise<'created' | 'exists' | 'deleting'> {
  // First of all: sweeps go through the registry, and must miss no organization.
  await redis.sadd(keys.ORGS, id)
  const values: OrgValues = { ...valuesOf(settings, 'billing'), billing_next: '', ...DORMANT_PANELS }
  for (let attempt = 1; attempt <= CREATE_ATTEMPTS; attempt += 1) {
    const { start, end } = periodAt(settings.billing, await storeTime(redis))
    const args = [start, end, end + PERIOD_LIFE_MS, ...Object.entries(values).flat()]
    const status = await runScript(redis, 'create-org', [keys.org(id), keys.total(id, 1)], args)
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
 * Forgets an organization. From the first write on no call of it is admitted; what that leaves of its hash keeps the id
 * from being taken before everything is gone. If it breaks off, asking again finishes it.
 */
async function deleteOrg(redis: RedisClient, id: string): Promise<boolean> {
  const [hash, registered] = await Promise.all([redis.exists(keys.org(id)), redis.sismember(keys.ORGS, id)])
  if (hash === 0 && registered === 0) return false
  await redis.hdel(keys.org(id), ...ORG_FIELDS.filter((field) => field !== 'created_at'))
  await revokeAllKeys(redis, id)
  await purgeOrg(redis, id)
  await redis.srem(keys.ORGS, id)
  await redis.del(keys.org(id))
  return true
}

/** Saves fields of the organization's hash, all or none. Rejects as the connection does. */
export async function configure(
  redis: RedisClient,
  id: string,
  values: OrgValues,
  from: number | null,
): Promise<SaveResult> {
  const args = [from ?? '', ...Object.entries(values).flat()]
  const reply = (await runScript(redis, 'configure', [keys.org(id)], args)) as [string, string?]
  const revision = Number(reply[1])
  if (reply[0] === 'saved') return { status: 'saved', revision }
  return reply[0] === 'conflict' ? { status: 'conflict', revision } : { status: 'no_org' }
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
