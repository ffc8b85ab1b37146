import { randomBytes } from 'node:crypto'
import type { UnixMs } from '../core/units.ts'
import { randomBase62 } from '../core/virtual-key.ts'

/** An id that cannot be guessed from other ids; ids with the same prefix sort by their time of creation. */
export function timedId(prefix: string, at: UnixMs): string {
  return `${prefix}_${at.toString(36).padStart(9, '0')}${randomBase62(7, randomBytes)}`
}
