/**
 * How settings are saved (docs/decisions/0009). An entity that is read has a tag, the hash of its stored text. The
 * script that saves it compares the tag, writes, and adds the change to the audit log, all in one step (A2, A3).
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

/** An entry of the audit log, without the time, which the store adds. */
export interface Change {
  /** `operator`, or the id of an admin of the organization. */
  readonly actor: string
  readonly action: AuditAction
  /** The id of the changed entity: the organization itself, a user, an alert … */
  readonly target: string
  /** As the API shows it, never with a secret; null if there was, or is, no such entity. */
  readonly before: unknown
  readonly after: unknown
}

/** An entity together with the version of it that was read. */
export type Tagged<T> = T & { readonly tag: string }

/** A change that is saved only if the entity is unchanged since it was read. */
export interface Save {
  /** The tag that was read; NO_TAG if there was no such entity. */
  readonly expected: string
  readonly change: Change
}

export const NO_TAG = ''

/** The version of an entity, from its stored text; the scripts' `tag_of` computes the same. */
export function tagOf(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** The arguments of the scripts' `audit`. */
export function changeArgs({ actor, action, target, before, after }: Change) {
  return {
    actor,
    action,
    target,
    before: JSON.stringify(before ?? null),
    after: JSON.stringify(after ?? null),
  }
}
