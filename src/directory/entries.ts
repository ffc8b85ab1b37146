/**
 * Entries in the hashes of an organization (custom limits, keys, channels). A save requires the version that was read
 * (A2, A3).
 */
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, type Save } from '../store/changes.ts'

/** What a save needs. The results `conflict`, `no_org`, `no_member` and `full` say which condition failed. */
export interface Entry<Member extends string | undefined, Most extends number | undefined> {
  /** The key of the hash. */
  readonly hash: string
  readonly field: string
  /** Null removes the entry. Never empty. */
  readonly text: string | null
  /** A user who must be a member of the organization. */
  readonly member?: Member
  /** The most entries that the hash may have. */
  readonly most?: Most
}

type Status<Member, Most> =
  | 'saved'
  | 'conflict'
  | 'no_org'
  | (Member extends string ? 'no_member' : never)
  | (Most extends number ? 'full' : never)

/** Adds, replaces or removes an entry if it has not changed since it was read. Rejects if the connection fails. */
export async function saveEntry<
  Member extends string | undefined = undefined,
  Most extends number | undefined = undefined,
>(
  redis: RedisClient,
  org: string,
  { hash, field, text, member, most }: Entry<Member, Most>,
  { expected, change }: Save,
): Promise<Status<Member, Most>> {
  return (await runScript(redis, 'save-entry', {
    keys: { org: keys.org(org), entries: hash, members: keys.members(org), audit: keys.audit(org) },
    args: {
      tag: expected,
      ...changeArgs(change),
      field,
      text: text ?? '',
      most: most ?? '',
      member: member ?? '',
    },
  })) as Status<Member, Most>
}
