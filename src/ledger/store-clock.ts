/** The store's clock, as this gateway estimates it from replies. Periods and days are decided by the store's own TIME. */
import type { UnixMs } from '../core/units.ts'

export interface StoreClock {
  now(): UnixMs
  learn(serverNow: UnixMs): void
}

export function createStoreClock(): StoreClock {
  let offset = 0
  return {
    now: () => (Date.now() + offset) as UnixMs,
    learn: (serverNow) => {
      offset = serverNow - Date.now()
    },
  }
}
