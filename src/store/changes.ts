/**
 * How every setting is saved (docs/decisions/0009): an entity that is read has a tag, the hash of the text that is stored of
 * it; the script that saves compares it, writes, and puts the change into the audit log, all in one step (A2, A3).
 */
import { createHash } from 'node:crypto'

export const AUDIT_ACTIONS = [
  'org.create',
  'org.update',
  'org.delete',
  'org.repair',
  'member.put',
  'member.remove',
  'key.create',
  'key.revoke',
  'alert.create',
  'alert.update',
  'alert.delete',
  'user_alerts.update',
  'user_limits.update',
  'custom_limit.put',
  'custom_limit.delete',
  'adjustment.create',
  'channel.create',
  'channel.update',
  'channel.delete',
  'notification.redeliver',
] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/** What the audit log says of a change, but for the time, which is the store's. */
export interface Change {
  /** `operator`, or the id of an admin of the organization. */
  readonly actor: string
  readonly action: AuditAction
  /** The id of what was changed: of the organization itself, a user, an alert … */
  readonly target: string
  /** As the API shows it, never with a secret; null where there was, or is, nothing. */
  readonly before: unknown
  readonly after: unknown
}

/** An entity together with the version of it that was read. */
export type Tagged<T> = T & { readonly tag: string }

/** A change that holds only where the entity is still as it was read. */
export interface Save {
  /** The tag that was read; NO_TAG where there was no such entity. */
  readonly expected: string
  readonly change: Change
}

export const NO_TAG = ''

/** The version of an entity, from the text that the store has of it, as `tag_of` of the scripts makes it. */
export function tagOf(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** The arguments that `audit` of the scripts takes. */
export function changeArgs({ actor, action, target, before, after }: Change) {
  return {
    actor,
    action,
    target,
    before: JSON.stringify(before ?? null),
    after: JSON.stringify(after ?? null),
  }
}
