/** Entries of the hashes of an organization's settings (custom limits, keys, channels), saved as they were read (A2, A3). */
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, type Save } from '../store/changes.ts'

/** What an entry needs to be saved; `conflict`, `no_org`, `no_member` and `full` say what was missing. */
export interface Entry<Member extends string | undefined, Most extends number | undefined> {
  /** The key of the hash. */
  readonly hash: string
  readonly field: string
  /** Null removes the entry. Never empty. */
  readonly text: string | null
  /** Who has to be a member of the organization. */
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

/** Adds, replaces or removes an entry where it is still as it was read. Rejects as the connection does. */
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
