/** The Redis user that deploy/redis/tollgate.acl describes, and the commands that Redis refused to any user. */
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

const FILE = new URL('../../deploy/redis/tollgate.acl', import.meta.url)
export const USER_RULES: readonly string[] = readFileSync(FILE, 'utf8').trim().split(/\s+/)

/** Creates the user, as docs/operations.md describes. */
export async function createStoreUser(
  root: Redis,
  password: string,
  rules: readonly string[] = USER_RULES,
  name = 'tollgate',
): Promise<void> {
  await root.call('ACL', 'SETUSER', name, 'reset', 'on', `>${password}`, ...rules)
}

/** The commands that the server refused since its log was reset. */
export async function refusedToUser(root: Redis): Promise<string[]> {
  const entries = (await root.call('ACL', 'LOG', '100')) as unknown[][]
  return (
    entries
      .map((entry) => new Map(entry.map((_, at) => [entry[at], entry[at + 1]] as const)))
      .map((fields) => ['reason', 'context', 'object'].map((name) => String(fields.get(name))).join(' '))
      // ioredis sends its version to servers from 7.2 on, and ignores a refusal. Older servers do not know the command.
      .filter((line) => !line.endsWith(' client|setinfo'))
  )
}
