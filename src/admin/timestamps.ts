import type { UnixMs } from '../core/units.ts'

/** RFC 3339 in UTC, without milliseconds where they are 0. */
export function timestamp(at: UnixMs): string {
  return new Date(at).toISOString().replace('.000Z', 'Z')
}
