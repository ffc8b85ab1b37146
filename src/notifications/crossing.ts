/** Reads an entry of an organization's outbox as the event that queue, log and receivers get. */
import { createHash } from 'node:crypto'
import { CROSSING_TYPES, type Crossing, type CrossingType } from '../core/crossing.ts'
import { rfc3339 } from '../core/text.ts'
import { toCredits, type Microcredits, type UnixMs } from '../core/units.ts'
import type { OutboxEntry } from '../outbox/outbox.ts'

/** An outbox entry that cannot be read, since another version or a person wrote it. It stays in the outbox. */
export class UnreadableEntry extends Error {
  override readonly name = 'UnreadableEntry'
}

/**
 * Reads an entry. The crossing's id is the same whichever gateway reads it, and however often: it is a hash of what identifies
 * a crossing (N1), and of the organization's creation time, since an organization may be created again under its old id. Throws
 * UnreadableEntry.
 */
export function crossingOf(org: string, orgCreatedAt: string, { fields }: OutboxEntry): Crossing {
  const type = CROSSING_TYPES.find((known) => known === fields['type'])
  if (type === undefined) throw new UnreadableEntry(`type: ${String(fields['type'])}`)
  const subject = text(fields, type === 'org.alert.crossed' ? 'alert' : 'user')
  const id = crossingId([
    org,
    orgCreatedAt,
    text(fields, 'period_no'),
    type,
    text(fields, 'version'),
    subject,
  ])
  return {
    id,
    type,
    org,
    ...(type === 'org.alert.crossed' ? orgAlert(fields, subject) : userEvent(type, fields, subject)),
    mark: credits(fields, 'mark'),
    version: whole(fields, 'version'),
    used: credits(fields, 'used'),
    period: { start: instant(fields, 'period_start'), end: instant(fields, 'period_end') },
    occurredAt: instant(fields, 'at'),
  }
}

/** Usable as a job's id, which may not contain a colon and may not be a number. */
function crossingId(parts: readonly string[]): string {
  return `cx_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)}`
}

type Fields = OutboxEntry['fields']

/** The fields that depend on the type. */
type Particulars = Pick<Crossing, 'threshold'> & Partial<Crossing>

function orgAlert(fields: Fields, alert: string): Particulars {
  const thresholdType = fields['threshold_type'] === 'percentage' ? 'percentage' : 'absolute'
  return {
    alert,
    thresholdType,
    threshold: whole(fields, 'threshold'),
    allowance: credits(fields, 'allowance'),
  }
}

function userEvent(type: CrossingType, fields: Fields, user: string): Particulars {
  return {
    user,
    threshold: credits(fields, 'threshold'),
    counted: credits(fields, 'counted'),
    ...(type === 'user.limit.reached' ? { limit: credits(fields, 'limit') } : {}),
  }
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (value === undefined || value === '') throw new UnreadableEntry(`no ${name}`)
  return value
}

function whole(fields: Fields, name: string): number {
  const value = Number(text(fields, name))
  if (!Number.isSafeInteger(value) || value < 0) throw new UnreadableEntry(`${name}: ${String(fields[name])}`)
  return value
}

function credits(fields: Fields, name: string): number {
  return toCredits(whole(fields, name) as Microcredits)
}

function instant(fields: Fields, name: string): string {
  const ms = whole(fields, name)
  if (ms > 8.64e15) throw new UnreadableEntry(`${name}: ${ms}`)
  return rfc3339(ms as UnixMs)
}
