/**
 * Builds every Redis key of Tollgate.
 *
 * All keys of an organization carry the hash tag `{org}`, so that one script can use all of them on one node of a Redis
 * Cluster. docs/store.md describes the content, lifetime and size of each.
 */
import type { Day } from '../core/units.ts'

const PREFIX = 'tg'

/** SET of organization ids; written before the organization itself, so that sweeps miss none. */
export const ORGS = `${PREFIX}:orgs`
/** STREAM of the deletions of organizations, whose own logs are deleted with them (A3). */
export const OPERATOR_AUDIT = `${PREFIX}:audit`
/** STRING: the lock for the sweep through all outboxes, and the work that the last sweep left. */
export const OUTBOX_SWEEP = `${PREFIX}:outbox-sweep`
/** STRING: the lock for the check of a sample of users for drift. */
export const DRIFT_CHECK = `${PREFIX}:drift-check`
/** Pub/sub channel: the SHA-256 of a virtual key whose cached look-up must be dropped, or `*` for all of them. */
export const KEY_INVALIDATIONS = `${PREFIX}:key-invalidations`

/** HASH of a virtual key's identity, by the hex SHA-256 of the key. Outside of every hash tag. */
export const virtualKey = (sha256: string): string => `${PREFIX}:key:${sha256}`

/** STRING: JSON of a session of the page, by the hex SHA-256 of its token. Outside of every hash tag. */
export const session = (sha256: string): string => `${PREFIX}:session:${sha256}`
/** STRING: how often an address (or all of them together) failed to authenticate in the current window. */
export const authFailures = (subject: string): string => `${PREFIX}:auth-failures:${subject}`

/** HASH of an organization's settings and its open billing period. */
export const org = (id: string): string => `${PREFIX}:{${id}}:org`
/** HASH user → JSON of the membership. */
export const members = (id: string): string => `${PREFIX}:{${id}}:members`
/** SET of users whom an admin removed: no app enrolls them again. */
export const removedMembers = (id: string): string => `${PREFIX}:{${id}}:removed`
/** SET of members whose role is admin, so that finding them needs no scan of all members. */
export const admins = (id: string): string => `${PREFIX}:{${id}}:admins`
/** STREAM of every change of an organization's settings (A3). */
export const audit = (id: string): string => `${PREFIX}:{${id}}:audit`
/** HASH user → custom limit in microcredits, or `unlimited`. */
export const customLimits = (id: string): string => `${PREFIX}:{${id}}:limits`
/** HASH key id → JSON of a virtual key's public part and its SHA-256. */
export const orgKeys = (id: string): string => `${PREFIX}:{${id}}:keys`
/** HASH of an organization's channels: id → JSON, a webhook's secrets included. */
export const channels = (id: string): string => `${PREFIX}:{${id}}:channels`
/** STRING: how many tests an organization's channels sent in the current minute. */
export const channelTests = (id: string): string => `${PREFIX}:{${id}}:channel-tests`
/** HASH alert id → JSON of an organization alert. */
export const alerts = (id: string): string => `${PREFIX}:{${id}}:alerts`
/** STRING: the answer to an adjustment, by the hex SHA-256 of its idempotency key. */
export const adjusted = (id: string, sha256: string): string => `${PREFIX}:{${id}}:adjusted:${sha256}`
/** ZSET of open holds by the end of their lease (Unix ms); members are made by `lease()`. */
export const leases = (id: string): string => `${PREFIX}:{${id}}:leases`
/** STREAM of crossings that wait for delivery. */
export const outbox = (id: string): string => `${PREFIX}:{${id}}:outbox`
/** HASH of a crossing and the state of its deliveries: the log of notifications (N4). */
export const notice = (id: string, noticeId: string): string => `${PREFIX}:{${id}}:notice:${noticeId}`
/** ZSET of the notices that have a delivery in a state, or of `all`, in order of their members (`notice-log.ts`). */
export const notices = (id: string, state: string): string => `${PREFIX}:{${id}}:notices:${state}`
/** HASH hold id → how it was resolved, for the ids minted in one five-minute bucket. */
export const resolved = (id: string, bucket: number): string => `${PREFIX}:{${id}}:resolved:${bucket}`

/** STRING that tests whether writes are accepted, after the store refused an organization's; it lives for a second. */
export const probe = (id: string): string => `${PREFIX}:{${id}}:probe`
/** HASH journal id → the last of its entries that was applied, so that none is charged twice (D2). */
export const journals = (id: string): string => `${PREFIX}:{${id}}:journals`

/** HASH of a period's totals: used, held, next_mark, start, end, and the schedule (billing) that it was opened under. */
export const total = (id: string, periodNo: number): string => `${PREFIX}:{${id}}:p${periodNo}:total`
/** ZSET of alerts that have not fired in a period, by their mark in microcredits. */
export const armed = (id: string, periodNo: number): string => `${PREFIX}:{${id}}:p${periodNo}:armed`
/** HASH alert id → when and at which version it fired in a period. */
export const fired = (id: string, periodNo: number): string => `${PREFIX}:{${id}}:p${periodNo}:fired`
/** ZSET of users by what they used in a period (microcredits). */
export const top = (id: string, periodNo: number): string => `${PREFIX}:{${id}}:p${periodNo}:top`
/** HASH of one user's counters, fired marks and open holds in a period. */
export const user = (id: string, periodNo: number, userId: string): string =>
  `${PREFIX}:{${id}}:p${periodNo}:u:${userId}`
/** HASH `source|model` → "credits calls input output" of a day, of the whole organization. */
export const day = (id: string, date: Day): string => `${PREFIX}:{${id}}:d${date}:all`
/** HASH `source|model` → "credits calls input output" of a day, of one user. */
export const userDay = (id: string, date: Day, userId: string): string =>
  `${PREFIX}:{${id}}:d${date}:u:${userId}`

/** A member of `leases`: everything needed to build the keys that expiring the hold touches. */
export const lease = (periodNo: number, date: Day, holdId: string, userId: string): string =>
  `${periodNo} ${date} ${holdId} ${userId}`
