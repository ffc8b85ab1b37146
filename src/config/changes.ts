/** Finds what differs between two configurations, and whether the gateway can apply it without a restart. */
import { isDeepStrictEqual } from 'node:util'
import { StartupError } from '../errors.ts'
import { dotted, type Path } from './problems.ts'
import type { Config } from './types.ts'

/** Keys that need a restart: ports, connections and issued lifetimes cannot change under running calls. */
const NEEDS_RESTART: readonly (keyof Config)[] = [
  'listen',
  'admin',
  'redis',
  'leaseSeconds',
  'journal',
  'retentionDays',
  'onStoreDown',
]

/** Names of the top-level keys that differ. */
export function changedKeys(before: Config, after: Config): string[] {
  const keys = Object.keys({ ...before, ...after }) as (keyof Config)[]
  return keys.filter((key) => !isDeepStrictEqual(before[key], after[key]))
}

/** Throws a StartupError that names the first key whose change needs a restart. */
export function refuseRestart(before: Config, after: Config): void {
  const [was, is] = [withoutCredentials(before), withoutCredentials(after)]
  for (const key of NEEDS_RESTART) {
    const path = difference(was[key], is[key], [key])
    if (path !== null) {
      throw new StartupError(`${dotted(path)}: a change of this needs a restart; nothing was taken over`, 1)
    }
  }
}

/** The name and password for the store may change, because operators rotate them. The store itself may not. */
function withoutCredentials(config: Config): Config {
  const redis: { -readonly [K in keyof Config['redis']]: Config['redis'][K] } = { ...config.redis }
  delete redis.username
  delete redis.password
  if (redis.url !== undefined) {
    const url = new URL(redis.url)
    url.username = url.password = ''
    redis.url = url.href
  }
  return { ...config, redis }
}

/** The path of the first difference between two values; null if there is none. */
function difference(before: unknown, after: unknown, path: Path): Path | null {
  if (isDeepStrictEqual(before, after)) return null
  if (!isMapping(before) || !isMapping(after)) return path
  for (const key of Object.keys({ ...before, ...after })) {
    const found = difference(before[key], after[key], [...path, key])
    if (found !== null) return found
  }
  return path
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
