/** The user of Redis that deploy/redis/tollgate.acl describes, and what was refused to anybody. */
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

const FILE = new URL('../../deploy/redis/tollgate.acl', import.meta.url)
export const USER_RULES: readonly string[] = readFileSync(FILE, 'utf8').trim().split(/\s+/)

/** Makes the user, as docs/operations.md says. */
export async function createStoreUser(
  root: Redis,
  password: string,
  rules: readonly string[] = USER_RULES,
  name = 'tollgate',
): Promise<void> {
  await root.call('ACL', 'SETUSER', name, 'reset', 'on', `>${password}`, ...rules)
}

/** What the server refused since its log was reset. */
export async function refusedToUser(root: Redis): Promise<string[]> {
  const entries = (await root.call('ACL', 'LOG', '100')) as unknown[][]
  return (
    entries
      .map((entry) => new Map(entry.map((_, at) => [entry[at], entry[at + 1]] as const)))
      .map((fields) => ['reason', 'context', 'object'].map((name) => String(fields.get(name))).join(' '))
      // ioredis tells the server its version from 7.2 on, and does not mind where it may not: older servers do not know the command.
      .filter((line) => !line.endsWith(' client|setinfo'))
  )
}
